//! Rows of samples: a typed column for each field of the contract.

mod extra;
mod newest;
mod range;
pub mod row;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use ems_protocol::{Grid, SystemStatus, Telemetry};
use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};

pub use newest::latest;
pub(super) use newest::newest_first;
pub use range::{Cursor, History, page, range};

use super::seen::Seen;
use extra::extra;
use row::{CLOCKS, COLUMN_COUNT, COLUMNS, MODES, STATES};

/// A clock may be ahead of ours by this much.
pub const AHEAD_MS: i64 = 5 * 60 * 1000;

/// A sample as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSample {
    /// Its place on the time axis, ms since 1970: the device's timestamp, or the time of receipt.
    pub at: i64,
    /// When it arrived, ms since 1970.
    pub received_at: i64,
    /// What the device said.
    pub telemetry: Telemetry,
}

/// The sample's place on the time axis. One without a number may repeat a constant timestamp for ever, and one from
/// the future would be the latest for as long: both are placed where they arrived.
pub(crate) fn at(sample: &Telemetry, received_at: i64) -> i64 {
    let taken = sample.timestamp.millis();
    if sample.seq.is_some() && taken <= received_at.saturating_add(AHEAD_MS) { taken } else { received_at }
}

/// Stores a sample; false when it was there already.
pub(super) fn insert(
    db: &Connection,
    seen: &mut Seen,
    device: i64,
    received_at: i64,
    sample: &Telemetry,
) -> rusqlite::Result<bool> {
    let mut boot = None;
    if let (Some(boot_id), Some(seq)) = (&sample.boot_id, sample.seq) {
        let key = seen.boot(db, device, boot_id, received_at)?;
        if !seen.insert(db, key, seq.cast_signed())? {
            return Ok(false);
        }
        boot = Some(key);
    }
    insert_row(db, device, received_at, boot, sample)?;
    Ok(true)
}

fn insert_row(
    db: &Connection,
    device: i64,
    received_at: i64,
    boot: Option<i64>,
    sample: &Telemetry,
) -> rusqlite::Result<()> {
    let none = SystemStatus::default();
    let status = sample.system_status.as_ref().unwrap_or(&none);
    let battery = &sample.battery;
    let no_grid = Grid::default();
    let grid = sample.grid.as_ref().unwrap_or(&no_grid);
    let at = at(sample, received_at);
    let timestamp = Some(sample.timestamp.millis()).filter(|&t| t != at);
    let seq = sample.seq.map(u64::cast_signed);
    let clock = sample.clock.and_then(|c| place(&CLOCKS, c));
    let state = status.state.and_then(|s| place(&STATES, s));
    let mode = status.mode.and_then(|m| place(&MODES, m));
    let uptime = status.uptime_seconds.map(u64::cast_signed);
    let (flags, faults, warnings) =
        (list(&status.error_flags), list(&battery.faults), list(&battery.warnings));
    let solar = sample.solar.as_ref().and_then(|s| s.power);
    let load = sample.load.as_ref().and_then(|l| l.power);
    let extra = extra(sample);
    let values: [&dyn ToSql; COLUMN_COUNT] = [
        &at,
        &received_at,
        &timestamp,
        &boot,
        &seq,
        &sample.v,
        &clock,
        &state,
        &mode,
        &flags,
        &status.wifi_strength,
        &uptime,
        &status.firmware_version,
        &status.cpu_temperature,
        &status.undervoltage,
        &battery.voltage,
        &battery.soc,
        &battery.current,
        &battery.power,
        &battery.soc_low,
        &battery.soc_high,
        &battery.soc_uncertainty,
        &battery.synced,
        &battery.temperature,
        &battery.soh,
        &battery.capacity,
        &battery.energy_in,
        &battery.energy_out,
        &battery.cycle_count,
        &battery.time_to_empty_s,
        &battery.time_to_full_s,
        &faults,
        &warnings,
        &grid.voltage,
        &grid.current,
        &grid.power,
        &grid.frequency,
        &grid.power_factor,
        &grid.energy_import,
        &grid.energy_export,
        &grid.status,
        &solar,
        &load,
        &extra,
    ];
    let mut statement = db.prepare_cached(&INSERT)?;
    // Most samples have a third of the fields: what is not bound is NULL.
    statement.clear_bindings();
    statement.raw_bind_parameter(1, device)?;
    for (index, value) in values.iter().enumerate() {
        let value = value.to_sql()?;
        if !matches!(value, ToSqlOutput::Owned(Value::Null) | ToSqlOutput::Borrowed(ValueRef::Null)) {
            statement.raw_bind_parameter(index + 2, value)?;
        }
    }
    statement.raw_execute()?;
    Ok(())
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!("INSERT INTO samples (device, {COLUMNS}) VALUES (?{})", ", ?".repeat(COLUMN_COUNT))
});

fn place<T: Copy + PartialEq>(names: &[T], name: T) -> Option<usize> {
    names.iter().position(|n| *n == name)
}

fn list(texts: &[String]) -> Option<String> {
    // A list of texts always serialises.
    if texts.is_empty() { None } else { serde_json::to_string(texts).ok() }
}
