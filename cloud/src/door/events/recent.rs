//! `telemetry.recent`: the last minutes of devices for a page that has just opened, or what it missed while it was away.
//!
//! They are read one device after the other, in turn with what is live: a page that asks for five hundred devices
//! holds the samples of one at a time.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ems_protocol::{DeviceId, Timestamp, encode, kind};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::warn;

use super::places::Place;
use crate::app::App;
use crate::clock;
use crate::fleet::device::Device;
use crate::rooms::mailbox::{Backfill, Mailbox};
use crate::socket::Utf8Bytes;
use crate::store::recent::{self as table, Recent};

/// The longest time back that is sent over a socket, in s; more is fetched over HTTP.
pub(super) const MAX_RECENT_S: f64 = 900.0;
/// With `since` alone this is the longest time back.
const MAX_AWAY_MS: i64 = 60 * 60 * 1000;
/// Samples that came late are sent if they are not older than this; of older ones it is told that there are some.
const LATE_MS: i64 = 15 * 60 * 1000;
/// Samples that one message asks for, shared by its devices.
const SAMPLES: usize = 100_000;
/// Samples of one device.
const SAMPLES_EACH: usize = 1_000;
/// Even of many devices each gets so many.
const SAMPLES_LEAST: usize = 60;
/// Bytes of JSON of one device.
const BYTES_EACH: usize = 1 << 20;
/// A frame ends with the sample that makes it larger than this.
const FRAME: usize = 64 * 1024;
/// How long it is waited for room in the server's memory, once for all that was asked for together. Then the page is
/// told to fetch them over HTTP.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one connection still has to be sent.
pub struct Recents {
    app: Arc<App>,
    mailbox: Arc<Mailbox>,
    /// Whose connection it is.
    username: Arc<str>,
    /// In the order in which they were asked for. The first one is always wanted; others may have been forgotten.
    queue: VecDeque<Wanted>,
    /// The devices of `queue` that are still wanted.
    wanted: HashSet<DeviceId>,
    /// Whose samples are read or sent.
    current: Option<DeviceId>,
    reading: Option<JoinHandle<Ready>>,
    ready: Ready,
}

/// Frames of one device, and their place in the server's memory: it is given back when the last one was taken.
#[derive(Default)]
struct Ready {
    frames: VecDeque<Utf8Bytes>,
    room: Option<Place>,
}

struct Wanted {
    device: Arc<Device>,
    /// What waited for the connection when it was asked for goes first: presence and the latest sample.
    mark: u64,
    query: Query,
    request: Arc<Request>,
}

/// What is the same for all that were asked for together.
#[derive(Default)]
struct Request {
    /// What was shown before then is durable.
    settled: OnceCell<()>,
    /// There was no room in the server's memory for one of them: the others do not wait for it.
    crowded: AtomicBool,
}

/// All times in ms since 1970.
#[derive(Clone, Copy)]
struct Query {
    /// The first place on the time axis.
    from: i64,
    /// What arrived after it is wanted too.
    since: Option<i64>,
    /// Whether more was asked for than is sent.
    cut: bool,
    samples: usize,
}

impl Recents {
    pub(super) fn new(app: Arc<App>, mailbox: Arc<Mailbox>, username: &str) -> Self {
        Self {
            app,
            mailbox,
            username: username.into(),
            queue: VecDeque::new(),
            wanted: HashSet::new(),
            current: None,
            reading: None,
            ready: Ready::default(),
        }
    }

    /// Asks for the last `recent_s` seconds of these devices, or what came after `since`; with both, for what came after
    /// it within these seconds.
    pub fn want(&mut self, devices: Vec<Arc<Device>>, recent_s: Option<f64>, since: Option<Timestamp>) {
        let now = clock::now().millis();
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_RECENT_S")]
        let back = recent_s.map_or(MAX_AWAY_MS, |seconds| (seconds * 1e3) as i64);
        let since = since.map(Timestamp::millis);
        let from = since.map_or(now - back, |since| since.max(now - back));
        let cut = since.is_some_and(|since| since < from);
        let samples = (SAMPLES / devices.len().max(1)).clamp(SAMPLES_LEAST, SAMPLES_EACH);
        let query = Query { from, since, cut, samples };
        let mark = self.mailbox.mark();
        let asked: HashSet<&DeviceId> = devices.iter().map(|device| &device.id).collect();
        // Each is in the queue once, so that it is never longer than the list of rooms.
        self.queue.retain(|old| self.wanted.contains(&old.device.id) && !asked.contains(&old.device.id));
        self.wanted.extend(asked.into_iter().cloned());
        let request = Arc::<Request>::default();
        self.queue.extend(devices.into_iter().map(|device| Wanted {
            device,
            mark,
            query,
            request: request.clone(),
        }));
    }

    /// The device is not wanted any more: nothing of it follows.
    pub(super) fn forget(&mut self, id: &DeviceId) {
        if self.current.as_ref() == Some(id) {
            if let Some(reading) = self.reading.take() {
                reading.abort();
            }
            self.ready = Ready::default();
            self.current = None;
        }
        if self.wanted.remove(id) {
            self.drop_forgotten();
        }
    }

    fn drop_forgotten(&mut self) {
        while self.queue.front().is_some_and(|first| !self.wanted.contains(&first.device.id)) {
            self.queue.pop_front();
        }
    }

    /// Whether there is something for [`Self::next`].
    pub(super) fn is_due(&self) -> bool {
        self.reading.is_some()
            || !self.ready.frames.is_empty()
            || self.queue.front().is_some_and(|wanted| self.mailbox.has_passed(wanted.mark))
    }

    /// The next frame. Losing a race in `select!` loses nothing.
    pub(super) async fn next(&mut self) -> Utf8Bytes {
        loop {
            if let Some(text) = self.ready.next() {
                return text;
            }
            if self.reading.is_none() {
                let Some(wanted) = self.queue.pop_front() else {
                    return std::future::pending().await;
                };
                self.wanted.remove(&wanted.device.id);
                self.drop_forgotten();
                self.current = Some(wanted.device.id.clone());
                self.reading = Some(tokio::spawn(read(self.app.clone(), self.username.clone(), wanted)));
            }
            if let Some(reading) = &mut self.reading {
                // A panic of it has been reported by the panic hook.
                self.ready = reading.await.unwrap_or_default();
                self.reading = None;
            }
        }
    }
}

impl Ready {
    fn next(&mut self) -> Option<Utf8Bytes> {
        let frame = self.frames.pop_front();
        if self.frames.is_empty() {
            self.room = None;
        }
        frame
    }
}

async fn read(app: Arc<App>, user: Arc<str>, Wanted { device, query, request, .. }: Wanted) -> Ready {
    let Query { mut from, since, cut, samples } = query;
    let mut frames = VecDeque::new();
    let mut complete = !cut;
    if let Some(since) = since {
        // What came late before the server started is in its history only.
        complete &= since >= app.started_at.millis();
        let reach = from.min(clock::now().millis() - LATE_MS);
        for (first, last) in device.late_since(since) {
            from = from.min(first.max(reach));
            if first < reach {
                frames.push_back(backfill(&device.id, first, last.min(reach)));
            }
        }
    }
    let patience = if request.crowded.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
    let room = timeout(patience, app.recents.take(&user)).await.ok().flatten();
    request.crowded.store(room.is_none(), Ordering::Relaxed);
    let found = if room.is_some() {
        // A sample is shown before it is durable: what was shown before the page came must be found.
        request.settled.get_or_init(|| async { drop(app.store.write(|_| Ok(())).await) }).await;
        // The device's clock may lag: what it said since then may have its place before.
        let begin = if since.is_some() { from.min(query.from - LATE_MS) } else { from };
        samples_of(&app, &device, begin, since, samples).await
    } else {
        Recent::default()
    };
    complete &= found.complete;
    frames.extend(messages(&device.id, query.from.min(from), found, complete));
    Ready { frames, room }
}

async fn samples_of(app: &App, device: &Device, from: i64, since: Option<i64>, samples: usize) -> Recent {
    let (key, id) = (device.key, device.id.clone());
    let wanted = table::Wanted { from, since: since.unwrap_or(i64::MIN), samples, bytes: BYTES_EACH };
    let found = app.store.read(move |db| table::samples(db, key, &id, wanted)).await;
    found.unwrap_or_else(|error| {
        warn!(device_id = %device.id, %error, "the last minutes could not be read");
        Recent::default()
    })
}

fn backfill(id: &DeviceId, from: i64, to: i64) -> Utf8Bytes {
    let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
    encode(kind::BACKFILL, &Backfill { device_id: id, from, to }).into()
}

/// The samples as messages of bounded size, whose spans follow on one another. `more` says that another one follows.
fn messages(id: &DeviceId, from: i64, found: Recent, complete: bool) -> Vec<Utf8Bytes> {
    let to = clock::now().millis().max(found.samples.last().map_or(i64::MIN, |(at, _)| *at));
    // What was left off is before the first one.
    let from = found.samples.first().filter(|_| !found.complete).map_or(from, |(at, _)| *at);
    let (mut messages, mut rows, mut begin, mut end) = (Vec::new(), String::new(), from, from);
    for (at, text) in found.samples {
        if rows.len() >= FRAME {
            messages.push(message(id, (begin, end), &rows, complete, true));
            rows.clear();
            begin = at;
        }
        if !rows.is_empty() {
            rows.push(',');
        }
        rows.push_str(&text);
        end = at;
    }
    messages.push(message(id, (begin, to), &rows, complete, false));
    messages
}

fn message(id: &DeviceId, (from, to): (i64, i64), rows: &str, complete: bool, more: bool) -> Utf8Bytes {
    let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
    let mut text = String::with_capacity(rows.len() + 200);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{{\"type\":\"telemetry.recent\",\"payload\":{{\"device_id\":\"{id}\",\"from\":\"{from}\",\"to\":\"{to}\",\
         \"samples\":[{rows}],\"complete\":{complete},\"more\":{more}}}}}"
    );
    text.into()
}
