//! What waits for one user of the event door. Of values that are replaced it holds the latest of each kind, however
//! slow the reader is; events it holds up to a bound, and says so when one is lost.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use ems_protocol::DeviceId;
use tokio::sync::Notify;

use super::board::{Board, Cursor, Tick};
use super::held::Held;
pub use super::latest::{Backfill, Latest, What};
use crate::fleet::frame::Frame;
use crate::fleet::watcher::Watcher;
use crate::socket::Utf8Bytes;
use crate::sync::Locked;

/// Bytes of events that may wait for one reader.
const MAX_BYTES: usize = 1 << 20;
/// Events that may wait for one reader.
const MAX_EVENTS: usize = 1024;
/// The devices that a user may see; all without it.
pub type Visible = Option<Arc<BTreeSet<DeviceId>>>;

/// The rows have one place among what waits.
const FLEET: (What, i64) = (What::Fleet, 0);

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
