//! What waits for one user of the event door. Of values that are replaced it holds the latest of each kind, however
//! slow the reader is; events it holds up to a bound, and says so when one is lost.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ems_protocol::{DeviceId, Timestamp, encode, kind};
use serde::Serialize;
use tokio::sync::Notify;

use super::board::{Board, Cursor, Tick};
use crate::fleet::frame::Frame;
use crate::fleet::watcher::Watcher;
use crate::socket::Utf8Bytes;
use crate::sync::Locked;

/// Bytes of events that may wait for one reader.
const MAX_BYTES: usize = 1 << 20;
/// Events that may wait for one reader.
const MAX_EVENTS: usize = 1024;
/// Bytes of events that may wait for all readers together before each is held to an equal share of them. A reader that
/// keeps up is within its share, so the slow ones pay; together they hold at most twice as much.
const CROWDED: usize = 32 << 20;

/// The devices that a user may see; all without it.
pub type Visible = Option<Arc<BTreeSet<DeviceId>>>;

/// What a value that replaces its predecessor is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A device's latest sample.
    Telemetry,
    /// A device's presence.
    Status,
    /// The span of late samples of a device.
    Backfill,
    /// That a device is no longer registered. It has no successor: it is never replaced.
    Removed,
    /// A UWB tag's position.
    Location,
    /// The rows of the room `fleet`.
    Fleet,
}

/// The rows have one place among what waits.
const FLEET: (What, i64) = (What::Fleet, 0);

/// A value that replaces its predecessor.
pub enum Latest {
    /// A message.
    Text(Utf8Bytes),
    /// A sample, and how many were replaced by it.
    Sample(Arc<Frame>, u64),
    /// Late samples between these times, ms since 1970.
    Span(DeviceId, i64, i64),
}

/// What all mailboxes hold together.
#[derive(Default)]
pub struct Held {
    bytes: AtomicUsize,
    /// Mailboxes that hold any.
    holders: AtomicUsize,
}

/// What waits for one user.
pub struct Mailbox {
    devices: Visible,
    held: Arc<Held>,
    board: Arc<Board>,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    latest: HashMap<(What, i64), Latest>,
    order: VecDeque<(What, i64)>,
    /// How much was ever taken out of `order`.
    taken: u64,
    fleet: Option<Cursor>,
    /// Whether [`FLEET`] is in `order`.
    fleet_waits: bool,
    events: VecDeque<Utf8Bytes>,
    bytes: usize,
    lost: Option<&'static str>,
}

/// The next thing to send.
pub enum Next {
    /// A message, and how many samples its receiver missed before it.
    Message(Utf8Bytes, u64),
    /// An event was lost: the connection must be closed, with this reason.
    Lost(&'static str),
}

/// `telemetry.backfill`: late samples are in the history now.
#[derive(Serialize)]
pub struct Backfill<'a> {
    /// Whose.
    pub device_id: &'a DeviceId,
    /// The first of them.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
}

impl Held {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a mailbox that holds `own` may take `more`.
    fn has_room(&self, own: usize, more: usize) -> bool {
        let share = CROWDED / self.holders.load(Ordering::Relaxed).max(1);
        self.bytes() + more <= CROWDED || own + more <= share
    }

    fn put(&self, own: usize, more: usize) {
        self.bytes.fetch_add(more, Ordering::Relaxed);
        if own == 0 {
            self.holders.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Of `own` bytes so many are gone.
    fn take(&self, own: usize, less: usize) {
        self.bytes.fetch_sub(less, Ordering::Relaxed);
        if own > 0 && own == less {
            self.holders.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Mailbox {
    pub(super) fn new(devices: Visible, held: Arc<Held>, board: Arc<Board>) -> Self {
        Self { devices, held, board, waiting: Mutex::default(), wake: Notify::new() }
    }

    /// Whether its user may see this device.
    pub fn may_see(&self, device: &DeviceId) -> bool {
        self.devices.as_ref().is_none_or(|devices| devices.contains(device))
    }

    /// Returns when there may be something.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Has its reader look again: it has left something.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Takes the next thing: events in order, then values, the longest unsent first.
    pub fn next(&self) -> Option<Next> {
        let mut waiting = self.waiting.locked();
        if let Some(text) = waiting.events.pop_front() {
            self.held.take(waiting.bytes, text.len());
            waiting.bytes -= text.len();
            return Some(Next::Message(text, 0));
        }
        if let Some(reason) = waiting.lost {
            return Some(Next::Lost(reason));
        }
        loop {
            let key = waiting.order.pop_front()?;
            waiting.taken += 1;
            if key == FLEET {
                if let Some(frame) = waiting.next_of_fleet(&self.board, &self.devices) {
                    return Some(Next::Message(frame, 0));
                }
            } else if let Some(latest) = waiting.latest.remove(&key) {
                drop(waiting);
                return Some(latest.message());
            }
        }
    }

    /// A mark behind all that waits now, for [`Self::has_passed`].
    pub fn mark(&self) -> u64 {
        let waiting = self.waiting.locked();
        waiting.taken + waiting.order.len() as u64
    }

    /// Whether all that waited at the mark was taken.
    pub fn has_passed(&self, mark: u64) -> bool {
        self.waiting.locked().taken >= mark
    }

    /// From now on the rows of all devices are wanted: all of them, then changes.
    pub fn watch_fleet(&self) {
        let mut waiting = self.waiting.locked();
        waiting.fleet = Some(Cursor::default());
        waiting.queue_fleet();
        drop(waiting);
        self.wake.notify_one();
    }

    /// They are not wanted any more.
    pub fn leave_fleet(&self) {
        self.waiting.locked().fleet = None;
    }

    /// Some rows are new.
    pub fn fleet_changed(&self, tick: &Arc<Tick>) {
        let mut waiting = self.waiting.locked();
        let Some(cursor) = &mut waiting.fleet else { return };
        cursor.changed(tick, self.devices.is_none());
        waiting.queue_fleet();
        drop(waiting);
        self.wake.notify_one();
    }

    /// Adds something that must not be missed.
    pub fn event(&self, text: &Utf8Bytes) {
        let mut waiting = self.waiting.locked();
        if waiting.lost.is_some() {
            // After a gap nothing more: what is told is whole up to its end.
            return;
        }
        if waiting.events.len() >= MAX_EVENTS || waiting.bytes + text.len() > MAX_BYTES {
            waiting.lost.get_or_insert("events came faster than they were read");
        } else if !self.held.has_room(waiting.bytes, text.len()) {
            waiting.lost.get_or_insert("the server holds too much for slow readers");
        } else {
            self.held.put(waiting.bytes, text.len());
            waiting.bytes += text.len();
            waiting.events.push_back(text.clone());
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Puts a value in the place of its predecessor.
    pub fn latest(&self, key: (What, i64), new: Latest) {
        let mut waiting = self.waiting.locked();
        let waiting = &mut *waiting;
        match waiting.latest.get_mut(&key) {
            None => {
                waiting.latest.insert(key, new);
                waiting.order.push_back(key);
            }
            Some(old) => old.replace(new),
        }
        self.wake.notify_one();
    }

    /// Drops what waits about a device that is no longer wanted.
    pub fn forget(&self, device: i64) {
        let mut waiting = self.waiting.locked();
        let about = |what: What| matches!(what, What::Telemetry | What::Status | What::Backfill);
        let before = waiting.order.len();
        waiting.order.retain(|(what, key)| *key != device || !about(*what));
        waiting.taken += (before - waiting.order.len()) as u64;
        waiting.latest.retain(|(what, key), _| *key != device || !about(*what));
    }
}

impl Waiting {
    fn queue_fleet(&mut self) {
        if !std::mem::replace(&mut self.fleet_waits, true) {
            self.order.push_back(FLEET);
        }
    }

    fn next_of_fleet(&mut self, board: &Board, visible: &Visible) -> Option<Utf8Bytes> {
        self.fleet_waits = false;
        let cursor = self.fleet.as_mut()?;
        let frame = cursor.next(board, visible);
        // One frame at a time: what else waits has its turn too.
        if cursor.has_more(board) {
            self.queue_fleet();
        }
        frame
    }
}

impl Latest {
    fn message(self) -> Next {
        match self {
            Self::Text(text) => Next::Message(text, 0),
            Self::Sample(frame, 0) => Next::Message(frame.typed().clone(), 0),
            Self::Sample(frame, skipped) => Next::Message(frame.typed_after(skipped), skipped),
            Self::Span(device_id, from, to) => {
                let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
                let message = Backfill { device_id: &device_id, from, to };
                Next::Message(encode(kind::BACKFILL, &message).into(), 0)
            }
        }
    }

    fn replace(&mut self, new: Self) {
        *self = match (&*self, new) {
            (Self::Sample(_, missed), Self::Sample(frame, more)) => Self::Sample(frame, missed + more + 1),
            (Self::Span(_, f, t), Self::Span(id, from, to)) => Self::Span(id, from.min(*f), to.max(*t)),
            (_, new) => new,
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let waiting = self.waiting.locked();
        self.held.take(waiting.bytes, waiting.bytes);
    }
}

impl Watcher for Mailbox {
    fn telemetry(&self, device: i64, frame: &Arc<Frame>) {
        self.latest((What::Telemetry, device), Latest::Sample(frame.clone(), 0));
    }

    fn backfill(&self, (device, id): (i64, &DeviceId), from: i64, to: i64) {
        self.latest((What::Backfill, device), Latest::Span(id.clone(), from, to));
    }

    fn status(&self, device: i64, message: &Utf8Bytes) {
        self.latest((What::Status, device), Latest::Text(message.clone()));
    }

    fn event(&self, message: &Utf8Bytes) {
        Self::event(self, message);
    }

    fn removed(&self, device: i64, message: &Utf8Bytes) {
        self.latest((What::Removed, device), Latest::Text(message.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::device::RowChange;
    use crate::rooms::board::NewRow;

    fn mailbox(held: &Arc<Held>) -> Mailbox {
        Mailbox::new(None, held.clone(), Arc::default())
    }

    #[test]
    fn a_slow_reader_finds_the_latest_of_each_device_and_how_many_it_missed() {
        let mailbox = mailbox(&Arc::default());
        for n in 0..10 {
            for device in [1, 2] {
                let frame = Frame::new(format!("{{\"n\":{n},\"device\":{device}}}").into());
                mailbox.telemetry(device, &Arc::new(frame));
            }
        }
        for device in [1, 2] {
            let Some(Next::Message(text, skipped)) = mailbox.next() else { panic!("nothing") };
            assert!(
                text.contains(&format!(r#""payload":{{"n":9,"device":{device}}},"skipped":9"#)),
                "{text}"
            );
            assert_eq!(skipped, 9);
        }
        assert!(mailbox.next().is_none());
    }

    #[test]
    fn what_changes_while_the_fleet_is_being_sent_is_told_after_it() {
        let rows = |devices: std::ops::Range<usize>, n: usize| {
            devices
                .map(|d| NewRow {
                    id: format!("d{d:04}").parse().unwrap(),
                    change: RowChange { body: format!(r#"{{"device_id":"d{d:04}","n":{n}}}"#), spark: None },
                })
                .collect()
        };
        let board = Arc::new(Board::default());
        let now = Timestamp::from_millis(0);
        board.publish(rows(0..4000, 1), Vec::new(), now);
        let some: BTreeSet<DeviceId> = (0..4000).map(|d| format!("d{d:04}").parse().unwrap()).collect();
        for visible in [None, Some(Arc::new(some))] {
            let mailbox = Mailbox::new(visible, Arc::default(), board.clone());
            mailbox.watch_fleet();
            let Some(Next::Message(first, _)) = mailbox.next() else { panic!("nothing") };
            assert!(first.contains(r#""final":false"#));
            let tick = board.publish(rows(0..1, 2), Vec::new(), now).unwrap();
            mailbox.fleet_changed(&tick);
            let mut last = String::new();
            while let Some(Next::Message(text, _)) = mailbox.next() {
                text.as_str().clone_into(&mut last);
            }
            assert!(last.contains("fleet.update") && last.contains(r#""device_id":"d0000","n":2"#));
            board.publish(rows(0..1, 1), Vec::new(), now);
        }
    }

    #[test]
    fn lost_events_are_never_silent_and_what_came_before_them_is_still_told() {
        let held = Arc::new(Held::default());
        let mailbox = mailbox(&held);
        for _ in 0..=MAX_EVENTS {
            mailbox.event(&Utf8Bytes::from_static("{}"));
        }
        for _ in 0..MAX_EVENTS {
            assert!(matches!(mailbox.next(), Some(Next::Message(..))));
            // There is room again, but a gap before it.
            mailbox.event(&Utf8Bytes::from_static("{}"));
        }
        assert!(matches!(mailbox.next(), Some(Next::Lost(_))));
        assert_eq!(held.bytes(), 0);
    }

    #[test]
    fn all_slow_readers_together_are_bounded_and_give_back_what_they_held() {
        let held = Arc::new(Held::default());
        let text = Utf8Bytes::from("x".repeat(MAX_BYTES / 2));
        let all: Vec<_> = (0..100).map(|_| mailbox(&held)).collect();
        for mailbox in &all {
            mailbox.event(&text);
            mailbox.event(&text);
        }
        assert!(held.bytes() <= 2 * CROWDED);
        let last = all.last().unwrap();
        assert!(matches!(last.next(), Some(Next::Lost(reason)) if reason.contains("server")));
        drop(all);
        assert_eq!((held.bytes(), held.holders.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn however_much_slow_readers_hold_one_that_keeps_up_is_not_closed_for_it() {
        let held = Arc::new(Held::default());
        let text = Utf8Bytes::from("x".repeat(MAX_BYTES / 16));
        let slow: Vec<_> = (0..64).map(|_| mailbox(&held)).collect();
        let quick = mailbox(&held);
        for _ in 0..32 {
            slow.iter().chain([&quick]).for_each(|mailbox| mailbox.event(&text));
            assert!(matches!(quick.next(), Some(Next::Message(..))));
            assert!(quick.next().is_none());
        }
        assert!(slow.iter().all(|slow| slow.waiting.locked().lost.is_some()));
        assert!(held.bytes() > CROWDED / 2);
    }
}
