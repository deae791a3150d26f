//! A device's row in the room `fleet`.

use ems_protocol::{DeviceId, Mode, State, Timestamp};
use serde::{Serialize, Serializer};

use super::presence::Presence;
use super::vitals::Vitals;

/// What the row shows beside the latest sample.
pub(super) struct Standing<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) enabled: bool,
    pub(super) connected: bool,
    pub(super) presence: Presence,
    pub(super) since: Timestamp,
    pub(super) last_seen: Option<Timestamp>,
    /// Alarms that are not over, and those of them that nobody has acknowledged.
    pub(super) alarms: (u32, u32),
    pub(super) groups: &'a [String],
    pub(super) conflict: bool,
    /// Samples that the device still has to send.
    pub(super) backlog: u64,
}

/// As it is sent. What is not known is left out.
#[derive(Serialize)]
struct Row<'a> {
    device_id: &'a DeviceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "is_true")]
    enabled: bool,
    connected: bool,
    status: Presence,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soc: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soc_low: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soc_high: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    synced: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voltage: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    power: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Short>,
    error_flags: &'a [String],
    alarms: u32,
    unacknowledged: u32,
    groups: &'a [String],
    conflict: bool,
    #[serde(skip_serializing_if = "is_zero")]
    backlog: u64,
}

/// A number with three decimals at most: a row is read by people, and there are thousands of them each second.
struct Short(f64);

/// The row as JSON, without its curve.
pub(super) fn json(id: &DeviceId, vitals: &Vitals, standing: &Standing<'_>) -> String {
    let row = Row {
        device_id: id,
        name: standing.name,
        enabled: standing.enabled,
        connected: standing.connected,
        status: standing.presence,
        since: standing.since,
        last_seen: standing.last_seen,
        at: vitals.at,
        state: vitals.state,
        mode: vitals.mode,
        soc: vitals.soc.map(Short),
        soc_low: vitals.soc_low.map(Short),
        soc_high: vitals.soc_high.map(Short),
        synced: vitals.synced,
        voltage: vitals.voltage.map(Short),
        current: vitals.current.map(Short),
        power: vitals.power.map(Short),
        temperature: vitals.temperature.map(Short),
        error_flags: &vitals.error_flags,
        alarms: standing.alarms.0,
        unacknowledged: standing.alarms.1,
        groups: standing.groups,
        conflict: standing.conflict,
        backlog: standing.backlog,
    };
    // Our own types always serialise.
    serde_json::to_string(&row).unwrap_or_default()
}

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let short = (self.0 * 1e3).round() / 1e3;
        // Beyond 1e15 the decimals are gone already.
        serializer.serialize_f64(if short.is_finite() { short } else { self.0 })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
