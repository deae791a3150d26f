//! The state of the daemon at one moment, as it is given to the command line and to programs.
//!
//! Ages and lengths of time are in whole seconds (`_s`) on the monotonic clock unless said otherwise.

use ems_protocol::{Battery, ClockQuality, CloseCode, State, Timestamp};
use serde::{Deserialize, Serialize};

use crate::battery::Response;
pub use crate::uplink::Mode;

/// Everything that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `DEVICE_ID`.
    pub device_id: String,
    /// The boot, as named on the wire.
    pub boot_id: String,
    /// Version of the running daemon.
    pub version: String,
    /// The board, where it is known.
    pub board: Option<String>,
    /// When the daemon started.
    pub started: Timestamp,
    /// How long ago that was, in s.
    pub uptime_s: u64,
    /// What is wrong, the most important first; empty if all is well.
    pub problems: Vec<Problem>,
    /// The chip and how it answers.
    pub sensor: Sensor,
    /// The last reading; `None` before the first.
    pub reading: Option<LastReading>,
    /// The connection to the cloud.
    pub link: Link,
    /// What waits to be delivered.
    pub backlog: Backlog,
    /// The wall clock.
    pub clock: WallClock,
    /// Why an output cannot be driven, and the remedy.
    #[serde(default)]
    pub outputs: Option<String>,
    /// Part of the daemon that makes no progress.
    pub stalled: Option<String>,
    /// The last errors, oldest first, at most ten.
    pub errors: Vec<LastError>,
}

/// Something that a person should mend, or know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its stable name.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// The sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// For example `INA226 at 0x40 on /dev/i2c-1`.
    pub device: String,
    /// Whether the last reading succeeded; `None` before the first.
    pub answers: Option<bool>,
    /// How long it has been so, in s.
    pub since_s: u64,
    /// Why the last reading failed, and the remedy.
    pub trouble: Option<String>,
    /// The sort of that failure, for programs.
    #[serde(default)]
    pub fault: Option<SensorFault>,
    /// What the answers of the voltage to the current say of the shunt; `None` from an older daemon.
    #[serde(default)]
    pub response: Option<Response>,
    /// Failed readings among the last [`Sensor::recent`].
    pub recent_gaps: u32,
    /// Readings that `recent_gaps` is about: 60, or fewer after a start.
    pub recent: u32,
    /// Time between two samples, in s.
    pub interval_s: f64,
}

/// The sort of a failed reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorFault {
    /// `open`, `no answer`, `bus stuck`, `wrong chip`, …
    pub kind: String,
    /// What the kernel answered.
    pub errno: Option<i32>,
}

/// The last reading that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastReading {
    /// Number of its sample within the boot.
    pub seq: u64,
    /// How long ago it was taken, in s.
    pub age_s: f64,
    /// Voltage of the pack in V.
    pub voltage: f64,
    /// Current in A, + = charging; `None` if the wiring cannot measure it.
    pub current: Option<f64>,
    /// Power in W, + = charging.
    pub power: Option<f64>,
    /// Temperature of the battery in °C, where there is a probe.
    pub temperature: Option<f64>,
    /// State of charge in %.
    pub soc: f64,
    /// The truth is above this in 95 %, in %.
    pub soc_low: f64,
    /// The truth is below this in 95 %, in %.
    pub soc_high: f64,
    /// What the battery does.
    pub state: Option<State>,
    /// What is known beside the state of charge, by the names of the telemetry (`protocol/src/telemetry.rs`).
    pub battery: Battery,
}

/// What the link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A connection stands.
    Connected,
    /// A connection is being made.
    Dialling,
    /// The next attempt is waited for.
    Waiting,
    /// The server refuses this device: a person has to mend it. Attempts go on, slowly.
    Refused,
}

/// The connection to the cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// What it does.
    pub phase: Phase,
    /// How long it has been connected, or not connected, in s.
    pub since_s: u64,
    /// Host, and port unless it is 443.
    pub server: String,
    /// `typed` (acknowledged samples) or `plain`, while connected.
    pub mode: Option<Mode>,
    /// Why the last attempt or connection failed.
    pub last_error: Option<String>,
    /// Attempts since the last connection.
    pub attempts: u32,
    /// When the next attempt comes, in s.
    pub next_attempt_s: Option<u64>,
    /// How the server last turned this device away.
    #[serde(default)]
    pub turned_away: Option<TurnedAway>,
    /// How long ago that was, in s.
    #[serde(default)]
    pub turned_away_s: Option<u64>,
    /// Whether the server has taken this token since the daemon's start.
    #[serde(default)]
    pub accepted: bool,
}

/// How a server turns a device away that only a person can let in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnedAway {
    /// Before the upgrade, with this HTTP status: 401 or 403.
    Http(u16),
    /// With this close code: 1008, 4001, 4003 or 4009.
    Closed(u16),
}

impl TurnedAway {
    /// Whether another connection with the same identity is the reason.
    pub fn is_conflict(self) -> bool {
        let codes = [CloseCode::Superseded, CloseCode::Conflict];
        matches!(self, Self::Closed(code) if CloseCode::from_code(code).is_some_and(|code| codes.contains(&code)))
    }

    /// Whether a token that was taken before has been withdrawn.
    pub fn is_revocation(self) -> bool {
        matches!(self, Self::Closed(code) if CloseCode::from_code(code) == Some(CloseCode::Revoked))
    }
}

/// What waits to be delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backlog {
    /// Samples in memory.
    pub memory: u64,
    /// Samples on the card; `None` if the card is not used.
    pub card: Option<u64>,
    /// How much time all of them are at the present rate, in h.
    pub hours: f64,
    /// Age of the oldest, in s.
    pub oldest_age_s: Option<u64>,
    /// For how long the server has confirmed nothing of it, in s.
    #[serde(default)]
    pub unconfirmed_s: Option<u64>,
    /// For how long there is still room at the present rate, in h.
    pub room_hours: f64,
    /// Samples lost since the daemon started.
    pub dropped: Dropped,
    /// Why the card cannot be used, and the remedy.
    pub card_trouble: Option<String>,
}

impl Backlog {
    /// All samples that wait.
    pub fn waiting(&self) -> u64 {
        self.memory + self.card.unwrap_or(0)
    }
}

/// Samples that went without having been delivered, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The memory for waiting samples was full.
    pub memory_full: u64,
    /// `BACKLOG_MAX_MB` was reached.
    pub card_full: u64,
    /// `BACKLOG_HOURS` was reached.
    pub too_old: u64,
    /// The server refuses them for good.
    pub refused: u64,
}

/// The wall clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WallClock {
    /// The time as the daemon knows it.
    pub now: Timestamp,
    /// How it is known.
    pub quality: ClockQuality,
}

/// An error that was seen lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// `sensor`, `link`, …
    pub subject: String,
    /// Why, in words.
    pub message: String,
    /// When it was seen last, in s.
    pub age_s: u64,
    /// How often.
    pub count: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { memory_full, card_full, too_old, refused } = *self;
        memory_full + card_full + too_old + refused
    }

    /// Each reason in words with its number, for those that occurred.
    pub fn by_reason(&self) -> Vec<(&'static str, u64)> {
        let Self { memory_full, card_full, too_old, refused } = *self;
        let reasons = [
            ("the memory was full", memory_full),
            ("BACKLOG_MAX_MB was reached", card_full),
            ("older than BACKLOG_HOURS", too_old),
            ("refused by the server", refused),
        ];
        reasons.into_iter().filter(|(_, samples)| *samples > 0).collect()
    }
}
