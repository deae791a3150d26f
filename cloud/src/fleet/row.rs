//! A device's row in the room `fleet`.

use ems_protocol::{DeviceId, FleetRow, Presence, Timestamp};

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

/// The row as JSON, without its curve.
pub(super) fn json(id: &DeviceId, vitals: &Vitals, standing: &Standing<'_>) -> String {
    let row = FleetRow {
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
        soc: vitals.soc,
        soc_low: vitals.soc_low,
        soc_high: vitals.soc_high,
        synced: vitals.synced,
        voltage: vitals.voltage,
        current: vitals.current,
        power: vitals.power,
        temperature: vitals.temperature,
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
