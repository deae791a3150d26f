//! One device: its live connection, its latest sample, its subscribers.

mod samples;
mod shown;
mod state;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use ems_protocol::{CloseCode, DeviceId, Timestamp, encode};
use tracing::{info, warn};

pub use super::claims::Refused;
use super::claims::{Claimed, Claims};
use super::frame::Frame;
use super::late::LateSpans;
use super::link::Link;
use super::presence::Pulse;
use super::spark::Spark;
use super::vitals::Vitals;
use super::watcher::Watcher;
use crate::auth::token::TokenHash;
use crate::clock;
use crate::rooms::mailbox::What;
use crate::rooms::{Hub, Topic};
use crate::socket::Utf8Bytes;
use crate::store::devices::DeviceRow;
use crate::store::facts::Facts;
use crate::store::samples::StoredSample;
use crate::sync::Locked;
pub use samples::Late;
pub use shown::RowChange;
use state::{RowState, State};
pub use state::{Snapshot, Status};

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
        let gone = self.removed_message();
        // Whoever is in both rooms is told once.
        for subscriber in state.subscribers.drain(..) {
            subscriber.removed(self.key, &gone);
        }
        self.hub.latest(Topic::Devices, Some(&self.id), (What::Removed, self.key), &gone);
    }

    fn removed_message(&self) -> Utf8Bytes {
        encode("device.removed", &serde_json::json!({ "device_id": self.id })).into()
    }

    /// Whether it is not registered any more; another one may have its name.
    pub fn is_removed(&self) -> bool {
        self.state.locked().removed
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
            subscriber.removed(self.key, &self.removed_message());
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
