//! Messages of the device door in typed mode.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{SeqRanges, Telemetry, Timestamp};

/// `device.hello`: who has connected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The boot that this device's live samples belong to.
    pub boot_id: String,
    /// Version of the daemon.
    pub firmware_version: String,
    /// The board, for example `Raspberry Pi 4 Model B Rev 1.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_model: Option<String>,
    /// What measures, for example `INA226 at 0x40 on /dev/i2c-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensor: Option<String>,
    /// Actions that the device takes.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Samples that wait for their acknowledgement.
    #[serde(default)]
    pub backlog: u64,
    /// `CLOCK_BOOTTIME` of the device when it sent this, in ms.
    #[serde(default)]
    pub boottime_ms: u64,
}

/// `device.welcome`: the server's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The server's wall clock.
    pub server_time: Timestamp,
    /// How often the server sends `system.heartbeat`, in s.
    pub heartbeat_seconds: u32,
    /// The most samples that it takes in one batch.
    pub max_batch: usize,
    /// Names this connection in the server's logs.
    pub session_id: String,
    /// Should the server be lost: the first attempt to come back waits for a random part of this time, in s.
    #[serde(default)]
    pub retry_window_s: u32,
}

/// `telemetry.batch`: samples from the backlog, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TelemetryBatch {
    /// The samples.
    pub samples: Vec<Telemetry>,
}

/// `telemetry.ack`: these samples are durable, the device may forget them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetryAck {
    /// The boot that the numbers belong to.
    pub boot_id: String,
    /// The sequence numbers.
    pub ranges: SeqRanges,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something works less well than it should.
    Warning,
    /// Something does not work.
    Error,
}

/// `device.event`: something happened on the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct DeviceEvent {
    /// When.
    pub timestamp: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// A stable name, for example `SENSOR_LOST`.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Facts for a program.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(test, ts(type = "Record<string, unknown>"))]
    pub details: Map<String, Value>,
}

/// `system.heartbeat`, from the server to everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Heartbeat {
    /// When it was sent.
    pub timestamp: Timestamp,
    /// The same, by the name that `device.welcome` uses.
    pub server_time: Timestamp,
    /// How long the server has been running, in s.
    #[cfg_attr(test, ts(type = "number"))]
    pub uptime_seconds: u64,
}
