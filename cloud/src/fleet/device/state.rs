//! What is known of a device, behind its lock.

use std::sync::Arc;

use ems_protocol::{DeviceId, Timestamp, encode, kind};
use serde::Serialize;

use crate::auth::token::TokenHash;
use crate::fleet::claims::Claims;
use crate::fleet::frame::Frame;
use crate::fleet::late::LateSpans;
use crate::fleet::presence::{Presence, Pulse};
use crate::fleet::spark::Spark;
use crate::fleet::vitals::Vitals;
use crate::fleet::watcher::Watcher;
use crate::socket::Utf8Bytes;
use crate::store::facts::Facts;

pub(super) struct State {
    pub(super) name: Option<String>,
    pub(super) notes: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) groups: Vec<String>,
    pub(super) facts: Option<(Facts, Timestamp)>,
    pub(super) token: TokenHash,
    /// Takes the place of `token` once the device has connected with it.
    pub(super) next_token: Option<TokenHash>,
    pub(super) enabled: bool,
    pub(super) removed: bool,
    pub(super) claims: Claims,
    pub(super) conflict: Option<Timestamp>,
    pub(super) latest: Option<Arc<Frame>>,
    /// Boot and number of `latest`.
    pub(super) newest: Option<(String, u64)>,
    pub(super) pulse: Pulse,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) vitals: Vitals,
    pub(super) spark: Spark,
    pub(super) late: LateSpans,
    /// Alarms that are not over, and those of them that nobody has acknowledged.
    pub(super) alarms: (u32, u32),
    /// Samples that the device still has to send, by what it said and what has come since.
    pub(super) backlog: u64,
    pub(super) row: RowState,
    pub(super) subscribers: Vec<Arc<dyn Watcher>>,
}

/// What the room `fleet` has not been told.
pub(super) struct RowState {
    pub(super) is_news: bool,
    pub(super) spark_is_news: bool,
    /// Of the last curve.
    pub(super) minute: i64,
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

impl State {
    pub(super) fn takes(&self, token: &TokenHash) -> bool {
        token.matches(&self.token) || self.next_token.is_some_and(|next| token.matches(&next))
    }

    pub(super) fn status(&self, id: &DeviceId) -> Status {
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

    pub(super) fn status_message(&self, id: &DeviceId) -> Utf8Bytes {
        encode(kind::STATUS, &self.status(id)).into()
    }
}
