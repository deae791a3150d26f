//! Rows of samples: a typed column for each field of the contract.

mod extra;
mod range;
pub mod row;
#[cfg(test)]
mod tests;

use ems_protocol::{Grid, SystemStatus, Telemetry};
use rusqlite::Connection;
use rusqlite::types::ToSql;

pub use range::{Cursor, History, latest, page, range};

use super::seen::Seen;
use extra::extra;
use row::{CLOCKS, COLUMN_COUNT, COLUMNS, MODES, STATES};

/// A clock may be ahead of ours by this much.
const AHEAD_MS: i64 = 5 * 60 * 1000;

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
    let mut statement = db.prepare_cached(&insert_statement())?;
    statement.raw_bind_parameter(1, device)?;
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 2, value)?;
    }
    statement.raw_execute()?;
    Ok(())
}

fn insert_statement() -> String {
    format!("INSERT INTO samples (device, {COLUMNS}) VALUES (?{})", ", ?".repeat(COLUMN_COUNT))
}

<<<<<<< HEAD
/// The samples of a device with `from <= at <= to`, the oldest `limit` of them, or fewer if they are large.
pub fn range(
    db: &Connection,
    device: i64,
    id: &DeviceId,
    from: i64,
    to: i64,
    limit: usize,
) -> rusqlite::Result<History> {
    let query = format!(
        "SELECT {COLUMNS}, (SELECT boot_id FROM boots WHERE key = boot) FROM samples \
         WHERE device = ? AND at BETWEEN ? AND ? ORDER BY at, id LIMIT ?"
    );
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query(params![device, from, to, limit.saturating_add(1)])?;
    let (mut samples, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if samples.len() >= limit || bytes > PAGE_TEXT_BYTES {
            return Ok(History { samples, truncated: true });
        }
        bytes += text_bytes(row)?;
        samples.push(read(row, id)?);
    }
    Ok(History { samples, truncated: false })
}

/// Shows the samples of a device from the last one back to `from`, for as long as `take` wants more.
pub(super) fn newest_first(
    db: &Connection,
    device: i64,
    id: &DeviceId,
    from: i64,
    mut take: impl FnMut(StoredSample) -> bool,
) -> rusqlite::Result<()> {
    let query = format!(
        "SELECT {COLUMNS}, (SELECT boot_id FROM boots WHERE key = boot) FROM samples \
         WHERE device = ? AND at >= ? ORDER BY at DESC, id DESC"
    );
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query(params![device, from])?;
    while let Some(row) = rows.next()? {
        if !take(read(row, id)?) {
            break;
        }
    }
    Ok(())
}

fn text_bytes(row: &Row<'_>) -> rusqlite::Result<usize> {
    let mut bytes = 0;
    for column in 0..COLUMN_COUNT {
        if let ValueRef::Text(text) = row.get_ref(column)? {
            bytes += text.len();
        }
    }
    Ok(bytes)
}

/// The sample that is last on a device's time axis.
pub fn latest(db: &Connection, device: i64, id: &DeviceId) -> rusqlite::Result<Option<StoredSample>> {
    let query = format!(
        "SELECT {COLUMNS}, (SELECT boot_id FROM boots WHERE key = boot) FROM samples \
         WHERE device = ? ORDER BY at DESC, id DESC LIMIT 1"
    );
    db.prepare_cached(&query)?.query_row(params![device], |row| read(row, id)).optional()
}

fn read(row: &Row<'_>, id: &DeviceId) -> rusqlite::Result<StoredSample> {
    let mut columns = Columns { row, next: 0 };
    let at: i64 = columns.next()?;
    let received_at = columns.next()?;
    let timestamp: Option<i64> = columns.next()?;
    let _boot: Option<i64> = columns.next()?;
    let seq: Option<i64> = columns.next()?;
    let mut sample = Telemetry::new(id.clone(), Timestamp::from_millis(timestamp.unwrap_or(at)));
    sample.seq = seq.map(i64::cast_unsigned);
    sample.v = columns.next()?;
    sample.clock = columns.named(&CLOCKS)?;
    let status = system_status(&mut columns)?;
    sample.system_status = (status != SystemStatus::default()).then_some(status);
    sample.battery = battery(&mut columns)?;
    let grid = grid(&mut columns)?;
    sample.grid = (grid != Grid::default()).then_some(grid);
    sample.solar = columns.power_meter()?;
    sample.load = columns.power_meter()?;
    if let Some(extra) = columns.next::<Option<String>>()? {
        add_extra(&mut sample, serde_json::from_str(&extra).unwrap_or_default());
    }
    sample.boot_id = columns.next()?;
    Ok(StoredSample { at, received_at, telemetry: sample })
}

fn system_status(columns: &mut Columns<'_, '_>) -> rusqlite::Result<SystemStatus> {
    Ok(SystemStatus {
        state: columns.named(&STATES)?,
        mode: columns.named(&MODES)?,
        error_flags: columns.list()?,
        wifi_strength: columns.next()?,
        uptime_seconds: columns.next::<Option<i64>>()?.map(i64::cast_unsigned),
        firmware_version: columns.next()?,
        cpu_temperature: columns.next()?,
        undervoltage: columns.next()?,
        extra: Map::new(),
    })
}

fn battery(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Battery> {
    Ok(Battery {
        voltage: columns.next()?,
        soc: columns.next()?,
        current: columns.next()?,
        power: columns.next()?,
        soc_low: columns.next()?,
        soc_high: columns.next()?,
        soc_uncertainty: columns.next()?,
        synced: columns.next()?,
        temperature: columns.next()?,
        soh: columns.next()?,
        capacity: columns.next()?,
        energy_in: columns.next()?,
        energy_out: columns.next()?,
        cycle_count: columns.next()?,
        time_to_empty_s: columns.next()?,
        time_to_full_s: columns.next()?,
        faults: columns.list()?,
        warnings: columns.list()?,
        ..Battery::default()
    })
}

fn grid(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Grid> {
    Ok(Grid {
        voltage: columns.next()?,
        current: columns.next()?,
        power: columns.next()?,
        frequency: columns.next()?,
        power_factor: columns.next()?,
        energy_import: columns.next()?,
        energy_export: columns.next()?,
        status: columns.next()?,
        extra: Map::new(),
    })
}

/// Reads a row from left to right.
struct Columns<'a, 'row> {
    row: &'a Row<'row>,
    next: usize,
}

impl Columns<'_, '_> {
    fn next<T: rusqlite::types::FromSql>(&mut self) -> rusqlite::Result<T> {
        let value = self.row.get(self.next);
        self.next += 1;
        value
    }

    fn named<T: Copy>(&mut self, names: &[T]) -> rusqlite::Result<Option<T>> {
        Ok(self.next::<Option<usize>>()?.and_then(|place| names.get(place).copied()))
    }

    fn list(&mut self) -> rusqlite::Result<Vec<String>> {
        let text: Option<String> = self.next()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn power_meter(&mut self) -> rusqlite::Result<Option<PowerMeter>> {
        Ok(self.next::<Option<f64>>()?.map(|power| PowerMeter { power: Some(power), extra: Map::new() }))
    }
}

=======
>>>>>>> wt-hist
fn place<T: Copy + PartialEq>(names: &[T], name: T) -> Option<usize> {
    names.iter().position(|n| *n == name)
}

fn list(texts: &[String]) -> Option<String> {
    // A list of texts always serialises.
    if texts.is_empty() { None } else { serde_json::to_string(texts).ok() }
}
