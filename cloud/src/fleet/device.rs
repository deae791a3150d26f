//! One device: its live connection, its latest sample, its subscribers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ems_protocol::{CloseCode, DeviceId, Telemetry, Timestamp, encode, kind};
use serde::Serialize;
use tracing::{info, warn};

pub use super::claims::Refused;
use super::claims::{Claimed, Claims};
use super::frame::Frame;
use super::late::LateSpans;
use super::link::Link;
use super::presence::{Presence, Pulse};
use super::row::{self, Standing};
use super::spark::{self, Minute, Spark};
use super::vitals::Vitals;
use super::watcher::Watcher;
use crate::auth::token::TokenHash;
use crate::clock;
use crate::rooms::mailbox::What;
use crate::rooms::{Hub, Topic};
use crate::socket::Utf8Bytes;
use crate::store::devices::DeviceRow;
use crate::store::facts::Facts;
use crate::store::samples::{self, StoredSample};
use crate::sync::Locked;

/// A conflict is shown in the fleet for so long after its last fight, unless the token is replaced before.
const CONFLICT_SHOWN_MS: i64 = 60 * 60 * 1000;

/// The curves of all devices are not made in the second in which a minute ends, but spread over so many.
const CURVES_SPREAD_S: i64 = 20;

/// A device as the registry has it, with its last sample.
pub struct Registered {
    /// The registry's row.
    pub row: DeviceRow,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// What it has said of itself, and when.
    pub facts: Option<(Facts, Timestamp)>,
    /// The last sample on its time axis.
    pub latest: Option<StoredSample>,
}

/// A registered device.
pub struct Device {
    /// Its name.
    pub id: DeviceId,
    /// Its key in the store.
    pub key: i64,
    /// Where those are told who watch all devices.
    hub: Arc<Hub>,
    state: Mutex<State>,
}

struct State {
    name: Option<String>,
    notes: Option<String>,
    created_at: Timestamp,
    groups: Vec<String>,
    facts: Option<(Facts, Timestamp)>,
    token: TokenHash,
    /// Takes the place of `token` once the device has connected with it.
    next_token: Option<TokenHash>,
    enabled: bool,
    removed: bool,
    claims: Claims,
    conflict: Option<Timestamp>,
    latest: Option<Arc<Frame>>,
    /// Boot and number of `latest`.
    newest: Option<(String, u64)>,
    pulse: Pulse,
    last_seen: Option<Timestamp>,
    vitals: Vitals,
    spark: Spark,
    late: LateSpans,
    /// Alarms that are not over, and those of them that nobody has acknowledged.
    alarms: (u32, u32),
    /// Samples that the device still has to send, by what it said and what has come since.
    backlog: u64,
    row: RowState,
    subscribers: Vec<Arc<dyn Watcher>>,
}

/// What the room `fleet` has not been told.
struct RowState {
    is_news: bool,
    spark_is_news: bool,
    /// Of the last curve.
    minute: i64,
}

/// A row of the room `fleet`, as JSON.
pub struct RowChange {
    /// All but the curve.
    pub body: String,
    /// The curve, if it is news: empty when there is none any more.
    pub spark: Option<String>,
}

/// `device.status`: the payload for dashboards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whose.
    pub device_id: DeviceId,
    /// Whether it has a live connection: as `connected`, for pages of before.
    pub online: bool,
    /// Whether it has a live connection.
    pub connected: bool,
    /// Whether it speaks.
    pub status: Presence,
    /// Since when that is so.
    pub since: Timestamp,
    /// When it was last heard of, by the server's clock.
    pub last_seen: Option<Timestamp>,
    /// When two devices last fought for this identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Timestamp>,
}

/// What the registry says and what is going on now.
pub struct Snapshot {
    /// For people.
    pub name: Option<String>,
    /// What an admin has to say of it.
    pub notes: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// What it has said of itself, and when.
    pub facts: Option<(Facts, Timestamp)>,
    /// Whether it may connect.
    pub enabled: bool,
    /// Its presence.
    pub status: Status,
    /// Its latest sample.
    pub latest: Option<Arc<Frame>>,
}

impl Device {
    pub(super) fn new(registered: Registered, hub: Arc<Hub>) -> Self {
        let Registered { row, groups, facts, latest } = registered;
        let last_seen = latest.as_ref().map(|sample| Timestamp::from_millis(sample.received_at));
        let newest = latest.as_ref().and_then(|s| s.telemetry.boot_id.clone().zip(s.telemetry.seq));
        let vitals = latest.as_ref().map(|s| Vitals::of(&s.telemetry, Timestamp::from_millis(s.at)));
        // Our own types always serialise.
        let text = latest.and_then(|sample| serde_json::to_string(&sample.telemetry).ok());
        Self {
            id: row.id,
            key: row.key,
            hub,
            state: Mutex::new(State {
                name: row.name,
                notes: row.notes,
                created_at: row.created_at,
                groups,
                facts,
                token: row.token_hash,
                next_token: row.next_token_hash,
                enabled: row.enabled,
                removed: false,
                claims: Claims::default(),
                conflict: None,
                latest: text.map(|text| Arc::new(Frame::new(text.into()))),
                newest,
                pulse: Pulse::new(row.created_at, last_seen),
                last_seen,
                vitals: vitals.unwrap_or_default(),
                spark: Spark::default(),
                late: LateSpans::default(),
                alarms: (0, 0),
                backlog: 0,
                row: RowState { is_news: true, spark_is_news: true, minute: 0 },
                subscribers: Vec::new(),
            }),
        }
    }

    /// Of the token that is valid now, and of the one that takes its place.
    pub fn tokens(&self) -> (TokenHash, Option<TokenHash>) {
        let state = self.state.locked();
        (state.token, state.next_token)
    }

    /// Whether this is the token that takes the place of the present one.
    pub fn is_next_token(&self, token: &TokenHash) -> bool {
        self.state.locked().next_token.is_some_and(|next| token.matches(&next))
    }

    /// There may be commands in the store: the live connection sends them.
    pub fn call(&self) {
        if let Some(link) = self.state.locked().claims.live() {
            link.call();
        }
    }

    /// Whether the device may connect.
    pub fn is_enabled(&self) -> bool {
        self.state.locked().enabled
    }

    /// All about it.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state.locked();
        Snapshot {
            name: state.name.clone(),
            notes: state.notes.clone(),
            created_at: state.created_at,
            groups: state.groups.clone(),
            facts: state.facts.clone(),
            enabled: state.enabled,
            status: state.status(&self.id),
            latest: state.latest.clone(),
        }
    }

    /// Tells those who watch all devices that there is one more.
    pub(super) fn introduce(&self) {
        self.announce(&mut self.state.locked());
    }

    /// Takes over what the registry says now.
    pub(super) fn update(&self, row: &DeviceRow, groups: Vec<String>) {
        let mut state = self.state.locked();
        state.row.is_news |= state.name != row.name || state.groups != groups || state.enabled != row.enabled;
        state.name.clone_from(&row.name);
        state.notes.clone_from(&row.notes);
        state.groups = groups;
        if !state.token.matches(&row.token_hash) {
            // Whoever has a copy of the card has no token any more.
            state.conflict = None;
            state.row.is_news = true;
        }
        state.token = row.token_hash;
        state.next_token = row.next_token_hash;
        state.enabled = row.enabled;
        for link in state.claims.all() {
            if !row.enabled {
                link.close(CloseCode::Revoked, "this device is disabled");
            } else if !state.takes(&link.token) {
                link.close(CloseCode::Revoked, "this token was replaced by a new one");
            }
        }
    }

    /// Ends everything about a device that is no longer registered.
    pub(super) fn remove(&self) {
        let mut state = self.state.locked();
        state.enabled = false;
        state.removed = true;
        for link in state.claims.all() {
            link.close(CloseCode::Revoked, "this device is no longer registered");
        }
        for subscriber in &state.subscribers {
            subscriber.removed();
        }
        let gone = encode("device.removed", &serde_json::json!({ "device_id": self.id }));
        self.hub.event(Topic::Devices, Some(&self.id), &gone.into());
    }

    /// A connection was authenticated. It does not speak for the device before [`Self::attach`].
    pub fn admit(&self, link: &Arc<Link>) {
        let mut state = self.state.locked();
        state.claims.admit(link);
        // The token may have been replaced since it was checked.
        if !state.enabled || !state.takes(&link.token) {
            link.close(CloseCode::Revoked, "this token is no longer valid");
        }
    }

    /// The connection's first usable message: from now on it speaks for the device, and the one before it is closed.
    ///
    /// # Errors
    /// [`Refused::Conflict`] when the boot was evicted within the last minute by the one that is live: two devices
    /// with one identity. A connection that does not name its boot cannot be told from its successor: it takes over.
    /// [`Refused::Closing`] when it was superseded or revoked itself: what it had on its way must not fight back.
    pub fn attach(&self, link: &Arc<Link>, boot_id: Option<&str>) -> Result<(), Refused> {
        let mut state = self.state.locked();
        match state.claims.claim(link, boot_id) {
            Ok(Claimed::Already) => return Ok(()),
            Ok(Claimed::First) => {}
            Ok(Claimed::Over(old)) => {
                info!(device_id = %self.id, old, new = link.session_id, "connection superseded");
            }
            Err(refused) => {
                if refused == Refused::Conflict {
                    warn!(device_id = %self.id, "two devices use this identity");
                    state.conflict = Some(clock::now());
                    self.announce(&mut state);
                }
                return Err(refused);
            }
        }
        let now = clock::now();
        state.pulse.connected(Instant::now(), now);
        state.last_seen = Some(now);
        state.backlog = 0;
        self.announce(&mut state);
        link.call();
        Ok(())
    }

    /// The connection is gone. Its successor, if there is one, is not touched.
    pub fn detach(&self, link: &Arc<Link>) {
        let mut state = self.state.locked();
        if state.claims.release(link) {
            state.pulse.disconnected(clock::now());
            self.announce(&mut state);
        }
    }

    /// When something came from it, ms since 1970; now, for one that is connected.
    pub(super) fn last_heard(&self) -> Option<i64> {
        let state = self.state.locked();
        let heard = if state.claims.live().is_some() { Some(clock::now()) } else { state.last_seen };
        heard.map(Timestamp::millis)
    }

    /// Something usable came from the device.
    pub fn heard(&self, received_at: Timestamp) {
        let mut state = self.state.locked();
        state.last_seen = Some(received_at);
        state.row.is_news = true;
    }

    /// Passes a sample on to subscribers, if it is live: of the boot that speaks for the device, and newer than all
    /// before. `text` is the sample as the device wrote it.
    pub fn publish(&self, link: &Arc<Link>, sample: &Telemetry, text: Utf8Bytes) -> bool {
        self.publish_as(&mut self.state.locked(), link, sample, text, clock::now())
    }

    /// As [`Self::heard`] and [`Self::publish`]; None for a connection with which something has to be settled first.
    pub fn publish_settled(
        &self,
        link: &Arc<Link>,
        sample: &Telemetry,
        text: Utf8Bytes,
        now: Timestamp,
    ) -> Option<bool> {
        let mut state = self.state.locked();
        let is_live = state.claims.live().is_some_and(|live| Arc::ptr_eq(live, link));
        if !is_live || link.is_closing() || state.next_token.is_some() {
            return None;
        }
        state.last_seen = Some(now);
        state.row.is_news = true;
        Some(self.publish_as(&mut state, link, sample, text, now))
    }

    fn publish_as(
        &self,
        state: &mut State,
        link: &Arc<Link>,
        sample: &Telemetry,
        text: Utf8Bytes,
        now: Timestamp,
    ) -> bool {
        let boot = sample.boot_id.as_deref().filter(|_| sample.seq.is_some());
        if !state.claims.is_of_live_boot(link, boot) {
            return false;
        }
        if let (Some(sample_boot), Some(seq)) = (&sample.boot_id, sample.seq) {
            match &mut state.newest {
                Some((boot, newest)) if boot == sample_boot && seq <= *newest => return false,
                Some((boot, newest)) if boot == sample_boot => *newest = seq,
                newest => *newest = Some((sample_boot.clone(), seq)),
            }
        }
        let frame = Arc::new(Frame::new(text));
        for subscriber in &state.subscribers {
            subscriber.telemetry(self.key, &frame);
        }
        state.latest = Some(frame);
        let at = samples::at(sample, now.millis());
        state.vitals = Vitals::of(sample, Timestamp::from_millis(at));
        state.spark.add(at, sample.battery.soc, sample.battery.power);
        state.last_seen = Some(now);
        state.row.is_news = true;
        if state.pulse.sample(Instant::now(), now) {
            self.announce(state);
        }
        true
    }

    /// Late samples have come; they are not durable yet.
    pub fn late(&self, samples: &[Telemetry]) {
        let now = clock::now().millis();
        let mut state = self.state.locked();
        let state = &mut *state;
        for sample in samples {
            let at = samples::at(sample, now);
            if spark::is_recent(at, now) && state.spark.add(at, sample.battery.soc, sample.battery.power) {
                state.row.spark_is_news = true;
            }
        }
        state.backlog = state.backlog.saturating_sub(samples.len() as u64);
        state.row.is_news = true;
    }

    /// Takes over what the device says of itself; whether that is news.
    pub fn says(&self, facts: &Facts, now: Timestamp) -> bool {
        let mut state = self.state.locked();
        if state.facts.as_ref().is_some_and(|(known, _)| known == facts) {
            return false;
        }
        state.facts = Some((facts.clone(), now));
        true
    }

    /// The device has said how many samples it still has to send.
    pub fn owes(&self, backlog: u64) {
        let mut state = self.state.locked();
        state.backlog = backlog;
        state.row.is_news = true;
    }

    /// Late samples are in the history now.
    pub fn backfilled(&self, from: i64, to: i64) {
        let mut state = self.state.locked();
        state.late.note(clock::now().millis(), from, to);
        for subscriber in &state.subscribers {
            subscriber.backfill((self.key, &self.id), from, to);
        }
    }

    /// Spans of late samples that have come after `since`, all in ms since 1970.
    pub fn late_since(&self, since: i64) -> Vec<(i64, i64)> {
        self.state.locked().late.since(since)
    }

    /// Alarms of it that are not over, and those of them that nobody has acknowledged.
    pub fn set_alarms(&self, alarms: (u32, u32)) {
        let mut state = self.state.locked();
        state.row.is_news |= state.alarms != alarms;
        state.alarms = alarms;
    }

    /// What the history has of the last minutes.
    pub(super) fn fill_spark(&self, minutes: &[Minute]) {
        let mut state = self.state.locked();
        for minute in minutes {
            state.spark.fill(minute);
        }
        // Most in a minute: not all of the others were whole.
        if let Some(most) = minutes.iter().map(|minute| minute.soc.1.max(minute.power.1)).max()
            && let Some(interval) = Duration::from_mins(1).checked_div(most)
        {
            state.pulse.expect(interval);
        }
        state.row.spark_is_news = true;
    }

    /// Looks whether the device has fallen silent.
    pub(super) fn check(&self, now: Instant) {
        let mut state = self.state.locked();
        if state.pulse.fades(now) {
            self.announce(&mut state);
        }
    }

    /// Its row in the room `fleet`, if that is news; it is none any more then.
    pub(super) fn take_row(&self, now: Timestamp) -> Option<RowChange> {
        let mut state = self.state.locked();
        let state = &mut *state;
        let minute = spark::minute_of(now.millis() - self.key.rem_euclid(CURVES_SPREAD_S) * 1000);
        let mut spark_is_news = std::mem::take(&mut state.row.spark_is_news);
        spark_is_news |= state.row.minute != minute;
        if !std::mem::take(&mut state.row.is_news) && !spark_is_news {
            return None;
        }
        state.row.minute = minute;
        let standing = Standing {
            name: state.name.as_deref(),
            enabled: state.enabled,
            connected: state.claims.live().is_some(),
            presence: state.pulse.presence(),
            since: state.pulse.since(),
            last_seen: state.last_seen,
            alarms: state.alarms,
            groups: &state.groups,
            conflict: state.conflict.is_some_and(|at| now.millis() - at.millis() < CONFLICT_SHOWN_MS),
            backlog: state.backlog,
        };
        let body = row::json(&self.id, &state.vitals, &standing);
        let spark = spark_is_news.then(|| state.spark.json(minute).unwrap_or_default());
        Some(RowChange { body, spark })
    }

    /// Passes a typed message on to the subscribers that take them. It must not be missed.
    pub fn forward(&self, message: &Utf8Bytes) {
        for subscriber in &self.state.locked().subscribers {
            subscriber.event(message);
        }
    }

    /// Adds a subscriber, which finds the presence and the latest sample at once.
    pub fn subscribe(&self, subscriber: Arc<dyn Watcher>) {
        let mut state = self.state.locked();
        subscriber.status(self.key, &state.status_message(&self.id));
        if let Some(latest) = &state.latest {
            subscriber.telemetry(self.key, latest);
        }
        if state.removed {
            subscriber.removed();
        }
        state.subscribers.push(subscriber);
    }

    /// Takes a subscriber away.
    pub fn unsubscribe<W: Watcher>(&self, subscriber: &Arc<W>) {
        let place = Arc::as_ptr(subscriber).cast::<()>();
        self.state.locked().subscribers.retain(|other| Arc::as_ptr(other).cast::<()>() != place);
    }
}

impl Device {
    fn announce(&self, state: &mut State) {
        state.row.is_news = true;
        let message = state.status_message(&self.id);
        for subscriber in &state.subscribers {
            subscriber.status(self.key, &message);
        }
        self.hub.latest(Topic::Devices, Some(&self.id), (What::Status, self.key), &message);
    }

    /// The present `device.status`.
    pub fn status_message(&self) -> Utf8Bytes {
        self.state.locked().status_message(&self.id)
    }
}

impl State {
    fn takes(&self, token: &TokenHash) -> bool {
        token.matches(&self.token) || self.next_token.is_some_and(|next| token.matches(&next))
    }

    fn status(&self, id: &DeviceId) -> Status {
        let connected = self.claims.live().is_some();
        Status {
            device_id: id.clone(),
            online: connected,
            connected,
            status: self.pulse.presence(),
            since: self.pulse.since(),
            last_seen: self.last_seen,
            conflict: self.conflict,
        }
    }

    fn status_message(&self, id: &DeviceId) -> Utf8Bytes {
        encode(kind::STATUS, &self.status(id)).into()
    }
}
