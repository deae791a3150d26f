//! Alarms, and the rules that raise them.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Severity, Timestamp};

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum AlarmKind {
    /// A value of the latest sample is below the threshold.
    Below,
    /// It is above.
    Above,
    /// The device has no connection.
    Offline,
    /// Nothing was heard of it.
    NoData,
    /// It says that something is wrong: `battery.faults` or `system_status.error_flags`.
    Fault,
}

/// When an alarm is raised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AlarmRule {
    /// Names it; given by the server.
    #[serde(default, skip_deserializing)]
    #[cfg_attr(test, ts(type = "number"))]
    pub id: i64,
    /// For people.
    pub name: String,
    /// The device; all without it.
    #[serde(default)]
    pub device_id: Option<DeviceId>,
    /// What it looks at.
    pub kind: AlarmKind,
    /// Of `below` and `above`: the path of a number, for example `battery.soc`.
    #[serde(default)]
    pub field: Option<String>,
    /// Of `below` and `above`, in the field's own unit.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// The alarm is over when the value is this far on the good side of the threshold.
    #[serde(default)]
    pub hysteresis: f64,
    /// How long it must be so before the alarm is raised, in s.
    #[serde(default)]
    pub for_s: f64,
    /// How much it matters.
    pub severity: Severity,
}

/// `alarm`, in the room `alarms`: from its raising on.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Alarm {
    /// Names it.
    #[cfg_attr(test, ts(type = "number"))]
    pub id: i64,
    /// The rule that raised it; it may be gone.
    #[cfg_attr(test, ts(type = "number"))]
    pub rule: i64,
    /// Of which device.
    pub device_id: DeviceId,
    /// The device's name; `null` where it has none.
    pub device_name: Option<String>,
    /// The rule's name.
    pub name: String,
    /// What the rule looked at.
    pub kind: AlarmKind,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The value that raised it.
    pub value: Option<f64>,
    /// The rule's threshold then.
    pub threshold: Option<f64>,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When its cause was gone; `null` while it is there.
    pub cleared_at: Option<Timestamp>,
    /// When somebody had seen it; `null` while nobody has.
    pub acknowledged_at: Option<Timestamp>,
    /// Who that was.
    pub acknowledged_by: Option<String>,
}
