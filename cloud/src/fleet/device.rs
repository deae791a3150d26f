//! One device: its live connection, its latest sample, its subscribers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ems_protocol::{CloseCode, DeviceId, Telemetry, Timestamp, encode, kind};
use serde::Serialize;
use tracing::{info, warn};

use super::frame::Frame;
use super::link::Link;
use super::watcher::Watcher;
use crate::auth::token::TokenHash;
use crate::clock;
use crate::rooms::mailbox::What;
use crate::rooms::{Hub, Topic};
use crate::socket::Utf8Bytes;
use crate::store::devices::DeviceRow;
use crate::store::samples::StoredSample;
use crate::sync::Locked;

/// A boot that was evicted and is back within this time fights with the one that evicted it.
const CONFLICT: Duration = Duration::from_mins(1);
/// More copies of one card than anybody makes.
const MAX_EVICTED: usize = 32;
/// Authenticated connections of one device, of which one is live.
const MAX_LINKS: usize = 8;

/// A device as the registry has it, with its last sample.
pub struct Registered {
    /// The registry's row.
    pub row: DeviceRow,
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
    token: TokenHash,
    /// Takes the place of `token` once the device has connected with it.
    next_token: Option<TokenHash>,
    enabled: bool,
    removed: bool,
    /// All authenticated connections.
    links: Vec<Arc<Link>>,
    /// The one of them that speaks for the device, and its boot.
    live: Option<(Arc<Link>, Option<String>)>,
    /// Boots that were evicted by other ones within [`CONFLICT`], at most [`MAX_EVICTED`].
    evicted: VecDeque<(String, Instant)>,
    conflict: Option<Timestamp>,
    latest: Option<Arc<Frame>>,
    /// Boot and number of `latest`.
    newest: Option<(String, u64)>,
    since: Timestamp,
    last_seen: Option<Timestamp>,
    subscribers: Vec<Arc<dyn Watcher>>,
}

/// Why a connection may not speak for its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Another device uses the same identity: its connection stays.
    Conflict,
    /// The connection was told to close.
    Closing,
}

/// `device.status`: the payload for dashboards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whose.
    pub device_id: DeviceId,
    /// Whether it has a live connection.
    pub online: bool,
    /// Since when it is online or offline.
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
    /// Whether it may connect.
    pub enabled: bool,
    /// Its presence.
    pub status: Status,
    /// Its latest sample.
    pub latest: Option<Arc<Frame>>,
}

impl Device {
    pub(super) fn new(registered: Registered, hub: Arc<Hub>) -> Self {
        let Registered { row, latest } = registered;
        let last_seen = latest.as_ref().map(|sample| Timestamp::from_millis(sample.received_at));
        let newest = latest.as_ref().and_then(|s| s.telemetry.boot_id.clone().zip(s.telemetry.seq));
        // Our own types always serialise.
        let text = latest.and_then(|sample| serde_json::to_string(&sample.telemetry).ok());
        Self {
            id: row.id,
            key: row.key,
            hub,
            state: Mutex::new(State {
                name: row.name,
                token: row.token_hash,
                next_token: row.next_token_hash,
                enabled: row.enabled,
                removed: false,
                links: Vec::new(),
                live: None,
                evicted: VecDeque::new(),
                conflict: None,
                latest: text.map(|text| Arc::new(Frame::new(text.into()))),
                newest,
                since: last_seen.unwrap_or(row.created_at),
                last_seen,
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
        if let Some((link, _)) = &self.state.locked().live {
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
            enabled: state.enabled,
            status: state.status(&self.id),
            latest: state.latest.clone(),
        }
    }

    /// Tells those who watch all devices that there is one more.
    pub(super) fn introduce(&self) {
        self.announce(&self.state.locked());
    }

    /// Takes over what the registry says now.
    pub(super) fn update(&self, row: &DeviceRow) {
        let mut state = self.state.locked();
        state.name.clone_from(&row.name);
        state.token = row.token_hash;
        state.next_token = row.next_token_hash;
        state.enabled = row.enabled;
        for link in &state.links {
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
        for link in &state.links {
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
        if state.links.len() >= MAX_LINKS {
            let idle = state.links.iter().find(|link| !state.is_live(link) && !link.is_closing());
            idle.inspect(|idle| idle.close(CloseCode::TooMany, "too many connections of this device"));
        }
        state.links.push(link.clone());
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
        if link.is_closing() {
            return Err(Refused::Closing);
        }
        if state.is_live(link) {
            return Ok(());
        }
        if let Some((old, old_boot)) = state.live.clone() {
            if let (Some(new), Some(old_boot)) =
                (boot_id, old_boot.filter(|old| Some(old.as_str()) != boot_id))
            {
                if state.was_evicted(new) {
                    warn!(device_id = %self.id, "two devices use this identity");
                    state.evict(new.to_owned());
                    state.conflict = Some(clock::now());
                    self.announce(&state);
                    return Err(Refused::Conflict);
                }
                state.evict(old_boot);
            }
            info!(device_id = %self.id, old = old.session_id, new = link.session_id, "connection superseded");
            old.close(CloseCode::Superseded, "another connection of this device took over");
        } else {
            state.since = clock::now();
        }
        state.live = Some((link.clone(), boot_id.map(str::to_owned)));
        state.last_seen = Some(clock::now());
        self.announce(&state);
        link.call();
        Ok(())
    }

    /// The connection is gone. Its successor, if there is one, is not touched.
    pub fn detach(&self, link: &Arc<Link>) {
        let mut state = self.state.locked();
        state.links.retain(|other| !Arc::ptr_eq(other, link));
        if state.is_live(link) {
            state.live = None;
            state.since = clock::now();
            self.announce(&state);
        }
    }

    /// When something came from it, ms since 1970; now, for one that is connected.
    pub(super) fn last_heard(&self) -> Option<i64> {
        let state = self.state.locked();
        let heard = if state.live.is_some() { Some(clock::now()) } else { state.last_seen };
        heard.map(Timestamp::millis)
    }

    /// Something usable came from the device.
    pub fn heard(&self, received_at: Timestamp) {
        self.state.locked().last_seen = Some(received_at);
    }

    /// Passes a sample on to subscribers, if it is live: of the boot that speaks for the device, and newer than all
    /// before. `text` is the sample as the device wrote it.
    pub fn publish(&self, link: &Arc<Link>, sample: &Telemetry, text: Utf8Bytes) -> bool {
        self.publish_as(&mut self.state.locked(), link, sample, text)
    }

    /// As [`Self::heard`] and [`Self::publish`]; None for a connection with which something has to be settled first.
    pub fn publish_settled(
        &self,
        link: &Arc<Link>,
        sample: &Telemetry,
        text: Utf8Bytes,
        received_at: Timestamp,
    ) -> Option<bool> {
        let mut state = self.state.locked();
        if !state.is_live(link) || link.is_closing() || state.next_token.is_some() {
            return None;
        }
        state.last_seen = Some(received_at);
        Some(self.publish_as(&mut state, link, sample, text))
    }

    fn publish_as(&self, state: &mut State, link: &Arc<Link>, sample: &Telemetry, text: Utf8Bytes) -> bool {
        let Some((live, boot)) = &mut state.live else { return false };
        if !Arc::ptr_eq(live, link) {
            return false;
        }
        if let (Some(sample_boot), Some(seq)) = (&sample.boot_id, sample.seq) {
            // In plain mode the first sample names the boot.
            let current = boot.get_or_insert_with(|| sample_boot.clone());
            if current != sample_boot {
                return false;
            }
            if state.newest.as_ref().is_some_and(|(boot, newest)| boot == sample_boot && seq <= *newest) {
                return false;
            }
            state.newest = Some((sample_boot.clone(), seq));
        }
        let frame = Arc::new(Frame::new(text));
        for subscriber in &state.subscribers {
            subscriber.telemetry(self.key, &frame);
        }
        state.latest = Some(frame);
        true
    }

    /// Late samples are in the history now.
    pub fn backfilled(&self, from: i64, to: i64) {
        for subscriber in &self.state.locked().subscribers {
            subscriber.backfill((self.key, &self.id), from, to);
        }
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
    fn announce(&self, state: &State) {
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
    fn is_live(&self, link: &Arc<Link>) -> bool {
        self.live.as_ref().is_some_and(|(live, _)| Arc::ptr_eq(live, link))
    }

    fn takes(&self, token: &TokenHash) -> bool {
        token.matches(&self.token) || self.next_token.is_some_and(|next| token.matches(&next))
    }

    fn was_evicted(&self, boot_id: &str) -> bool {
        self.evicted.iter().any(|(boot, at)| boot == boot_id && at.elapsed() < CONFLICT)
    }

    fn evict(&mut self, boot_id: String) {
        self.evicted.retain(|(boot, at)| *boot != boot_id && at.elapsed() < CONFLICT);
        if self.evicted.len() >= MAX_EVICTED {
            self.evicted.pop_front();
        }
        self.evicted.push_back((boot_id, Instant::now()));
    }

    fn status(&self, id: &DeviceId) -> Status {
        Status {
            device_id: id.clone(),
            online: self.live.is_some(),
            since: self.since,
            last_seen: self.last_seen,
            conflict: self.conflict,
        }
    }

    fn status_message(&self, id: &DeviceId) -> Utf8Bytes {
        encode(kind::STATUS, &self.status(id)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        let row = DeviceRow {
            key: 1,
            id: "ems_001".parse().unwrap(),
            name: None,
            token_hash: TokenHash::of("sk_test"),
            next_token_hash: None,
            enabled: true,
            created_at: Timestamp::from_millis(0),
        };
        Device::new(Registered { row, latest: None }, Arc::default())
    }

    fn link(device: &Device) -> Arc<Link> {
        let link = Arc::new(Link::new(TokenHash::of("sk_test")));
        device.admit(&link);
        link
    }

    #[test]
    fn what_a_superseded_connection_had_still_on_its_way_does_not_take_over_again() {
        let device = device();
        let (old, new) = (link(&device), link(&device));
        device.attach(&old, Some("a")).unwrap();
        device.attach(&new, Some("a")).unwrap();
        assert_eq!(device.attach(&old, Some("a")), Err(Refused::Closing));
        assert_eq!(old.take().close.map(|(code, _)| code), Some(CloseCode::Superseded));
        assert_eq!(new.take().close, None);
    }

    #[test]
    fn three_devices_with_one_identity_are_a_conflict_too() {
        let device = device();
        for boot in ["a", "b", "c"] {
            device.attach(&link(&device), Some(boot)).unwrap();
        }
        for boot in ["a", "b", "a"] {
            assert_eq!(device.attach(&link(&device), Some(boot)), Err(Refused::Conflict), "{boot}");
        }
        assert!(device.snapshot().status.conflict.is_some());
    }

    #[test]
    fn each_connection_too_many_closes_another_idle_one() {
        let device = device();
        let links: Vec<_> = (0..MAX_LINKS + 2).map(|_| link(&device)).collect();
        let closed: Vec<_> = links.iter().map(|link| link.is_closing()).collect();
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 2, "{closed:?}");
    }
}
