//! A whole fleet at a glance: the rows of the room `fleet`.

use serde::{Deserialize, Serialize, Serializer};

use crate::{DeviceId, Mode, State, Timestamp};

/// What is known of a device's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Presence {
    /// It was never heard of.
    Never,
    /// It has no connection.
    Offline,
    /// It is connected and says nothing.
    Stale,
    /// It is connected and speaks.
    Online,
}

/// One device of `fleet.snapshot` and `fleet.update`. What is not known is left out. `spark` comes beside these fields.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct FleetRow<'a> {
    /// Whose row it is.
    pub device_id: &'a DeviceId,
    /// Given by a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Whether it is let in; left out when it is.
    #[serde(skip_serializing_if = "is_true")]
    #[cfg_attr(test, ts(as = "Option<bool>", optional))]
    pub enabled: bool,
    /// It holds a connection.
    pub connected: bool,
    /// Its presence.
    pub status: Presence,
    /// Since when that is so.
    pub since: Timestamp,
    /// When its last frame came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// When the values below were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What the battery does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Who decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// State of charge, %.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub soc: Option<f64>,
    /// Lower end of the interval that holds it in 95 %, %.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub soc_low: Option<f64>,
    /// Upper end of that interval, %.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub soc_high: Option<f64>,
    /// Whether the state of charge has been tied to a full or empty battery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synced: Option<bool>,
    /// Pack voltage, V.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub voltage: Option<f64>,
    /// Current, A, + = charging.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub current: Option<f64>,
    /// Power, W, + = charging.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub power: Option<f64>,
    /// Battery, °C.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub temperature: Option<f64>,
    /// What is wrong; says why values are missing.
    pub error_flags: &'a [String],
    /// Alarms that are not over.
    pub alarms: u32,
    /// Those of them that nobody has acknowledged.
    pub unacknowledged: u32,
    /// The groups that it is in.
    pub groups: &'a [String],
    /// Two devices have fought for this identity within the last hour.
    pub conflict: bool,
    /// Samples that it still has to send; left out when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    #[cfg_attr(test, ts(as = "Option<f64>", optional))]
    pub backlog: u64,
}

/// `spark` of a row: the means of the last minutes that have ended, oldest first.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Spark {
    /// One value in so many seconds.
    pub step_s: u32,
    /// State of charge, %; `null` where there was no sample.
    pub soc: Vec<Option<f32>>,
    /// Power, W, + = charging; `null` where there was no sample.
    pub power: Vec<Option<f32>>,
}

/// With three decimals at most: a row is read by people, and there are thousands of them each second.
#[expect(clippy::ref_option, reason = "serde hands out references")]
fn short<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value
        .map(|value| {
            let short = (value * 1e3).round() / 1e3;
            // Beyond 1e15 the decimals are gone already.
            if short.is_finite() { short } else { value }
        })
        .serialize(serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
