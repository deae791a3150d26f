//! Commands to a device and its answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{DeviceId, Timestamp, limits};

/// A command. In plain mode a bare object, in typed mode the payload of `command`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Names this command for ever: it is never run twice.
    pub command_id: String,
    /// What to do, for example `PING`.
    pub action: String,
    /// What to do it with.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// How long it is still good for from its receipt, in s.
    #[serde(default = "default_ttl")]
    pub ttl_s: f64,
}

fn default_ttl() -> f64 {
    limits::COMMAND_TTL_SECONDS as f64
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum CommandStatus {
    /// Cloud: recorded, not sent yet.
    Created,
    /// Cloud: sent to the device.
    Sent,
    /// Cloud, final: no final answer in time.
    TimedOut,
    /// Device: it will be done.
    Accepted,
    /// Device: it is being done.
    InProgress,
    /// Device, final: done.
    Succeeded,
    /// Device, final: tried, and it did not work.
    Failed,
    /// Device, final: not tried.
    Rejected,
}

/// Why a command was rejected or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ReasonCode {
    /// No such action.
    UnknownAction,
    /// The device's own allow-list leaves it out.
    NotAllowed,
    /// The payload is not what the action takes.
    InvalidPayload,
    /// Too old.
    Expired,
    /// Not in this state of the battery.
    StateForbids,
    /// This device cannot do it.
    Unsupported,
    /// The hardware did not obey.
    Hardware,
    /// Too many commands at once.
    Busy,
    /// A crash cut it in two.
    Interrupted,
}

/// `command.ack`: the device's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandAck {
    /// The command that this answers; empty when it had none.
    pub command_id: String,
    /// Who answers.
    pub device_id: DeviceId,
    /// When.
    pub timestamp: Timestamp,
    /// Where the command stands.
    pub status: CommandStatus,
    /// Why, when it was rejected or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<ReasonCode>,
    /// The same in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the action gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}
