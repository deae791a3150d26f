//! Rows of samples: a typed column for each field of the contract.

use std::sync::LazyLock;

use ems_protocol::{
    Battery, ClockQuality, DeviceId, Grid, Mode, PowerMeter, State, SystemStatus, Telemetry, Timestamp,
};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use super::seen::Seen;

const CLOCKS: [ClockQuality; 4] =
    [ClockQuality::Synced, ClockQuality::Server, ClockQuality::Restored, ClockQuality::Unsynced];
const STATES: [State; 6] =
    [State::Idle, State::Charging, State::Discharging, State::Full, State::Empty, State::Error];
const MODES: [Mode; 2] = [Mode::Auto, Mode::Manual];

/// A clock may be ahead of ours by this much.
const AHEAD_MS: i64 = 5 * 60 * 1000;
/// A page of history ends when its texts are larger than this, in bytes: unknown fields may fill a frame.
const PAGE_TEXT_BYTES: usize = 4 << 20;

/// The order in which [`insert`] binds and [`read`] reads.
const COLUMNS: &str = "at, received_at, timestamp, boot, seq, v, clock, state, mode, error_flags, wifi_strength, \
    uptime_seconds, firmware_version, cpu_temperature, undervoltage, voltage, soc, current, power, soc_low, \
    soc_high, soc_uncertainty, synced, temperature, soh, capacity, energy_in, energy_out, cycle_count, \
    time_to_empty_s, time_to_full_s, faults, warnings, grid_voltage, grid_current, grid_power, grid_frequency, \
    grid_power_factor, grid_energy_import, grid_energy_export, grid_status, solar_power, load_power, extra";
const COLUMN_COUNT: usize = 44;

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

/// Some of a device's history.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Oldest first.
    pub samples: Vec<StoredSample>,
    /// Whether there are more after the last one.
    pub truncated: bool,
}

/// The sample's place on the time axis. One without a number may repeat a constant timestamp for ever, and one from
/// the future would be the latest for as long: both are placed where they arrived.
pub(super) fn at(sample: &Telemetry, received_at: i64) -> i64 {
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
        if !matches!(
            value,
            ToSqlOutput::Owned(rusqlite::types::Value::Null) | ToSqlOutput::Borrowed(ValueRef::Null)
        ) {
            statement.raw_bind_parameter(index + 2, value)?;
        }
    }
    statement.raw_execute()?;
    Ok(())
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!("INSERT INTO samples (device, {COLUMNS}) VALUES (?{})", ", ?".repeat(COLUMN_COUNT))
});

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

fn place<T: Copy + PartialEq>(names: &[T], name: T) -> Option<usize> {
    names.iter().position(|n| *n == name)
}

fn list(texts: &[String]) -> Option<String> {
    // A list of texts always serialises.
    if texts.is_empty() { None } else { serde_json::to_string(texts).ok() }
}

fn extra(sample: &Telemetry) -> Option<String> {
    let mut unknown = sample.unknown_fields();
    let later = later_fields(&sample.battery);
    if !later.is_empty()
        && let Value::Object(group) = unknown.entry("battery").or_insert_with(|| Value::Object(Map::new()))
    {
        group.extend(later);
    }
    if unknown.is_empty() { None } else { serde_json::to_string(&unknown).ok() }
}

/// The battery's fields that came after the table had its columns: they are stored beside the unknown ones.
fn later_fields(battery: &Battery) -> Map<String, Value> {
    let fields: [(&str, Option<Value>); 4] = [
        ("hours_since_sync", battery.hours_since_sync.map(Value::from)),
        ("ah_since_sync", battery.ah_since_sync.map(Value::from)),
        ("charge_allowed", battery.charge_allowed.map(Value::from)),
        ("load_allowed", battery.load_allowed.map(Value::from)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn add_battery(battery: &mut Battery, mut group: Map<String, Value>) {
    let mut take = |name: &str| group.remove(name);
    battery.hours_since_sync = take("hours_since_sync").and_then(|v| v.as_f64());
    battery.ah_since_sync = take("ah_since_sync").and_then(|v| v.as_f64());
    battery.charge_allowed = take("charge_allowed").and_then(|v| v.as_bool());
    battery.load_allowed = take("load_allowed").and_then(|v| v.as_bool());
    battery.extra = group;
}

fn add_extra(sample: &mut Telemetry, extra: Map<String, Value>) {
    for (name, value) in extra {
        match (name.as_str(), value) {
            ("system_status", Value::Object(group)) => {
                sample.system_status.get_or_insert_default().extra = group;
            }
            ("battery", Value::Object(group)) => add_battery(&mut sample.battery, group),
            ("grid", Value::Object(group)) => sample.grid.get_or_insert_default().extra = group,
            ("solar", Value::Object(group)) => sample.solar.get_or_insert_default().extra = group,
            ("load", Value::Object(group)) => sample.load.get_or_insert_default().extra = group,
            (_, value) => {
                sample.extra.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;
    use serde_json::json;

    #[test]
    fn every_field_of_the_contract_and_every_unknown_one_is_read_back() {
        let full = json!({
            "v": 1, "device_id": "ems_001", "timestamp": "2026-02-03T12:00:00.123Z", "boot_id": "b", "seq": u64::MAX,
            "clock": "restored", "site": {"a": [1, null]},
            "system_status": {"state": "DISCHARGING", "mode": "MANUAL", "error_flags": ["A"], "wifi_strength": -50.5,
                "uptime_seconds": 17, "firmware_version": "1.2.3", "cpu_temperature": 44.5, "undervoltage": false, "x": 1},
            "battery": {"voltage": 53.2, "soc": 85.5, "current": -1.5, "power": -79.8, "soc_low": 80.0, "soc_high": 90.0,
                "soc_uncertainty": 2.5, "synced": true, "temperature": 21.5, "soh": 99.5, "capacity": 5.12,
                "energy_in": 1.5, "energy_out": 2.5, "cycle_count": 3.5, "time_to_empty_s": 4.5, "time_to_full_s": 5.5,
                "hours_since_sync": 6.5, "ah_since_sync": 7.5, "charge_allowed": true, "load_allowed": false,
                "faults": ["F"], "warnings": ["W", "X"], "cells": [3.3]},
            "grid": {"voltage": 230.1, "current": 1.5, "power": 2.5, "frequency": 50.01, "power_factor": -0.5,
                "energy_import": 3.5, "energy_export": 4.5, "status": "ok", "phase": "L1"},
            "solar": {"power": 6.5, "y": true}, "load": {"power": 7.5},
        });
        let id: DeviceId = "ems_001".parse().unwrap();
        let sample = Telemetry::parse(&full.to_string(), &id).unwrap();
        let db = schema::open(std::path::Path::new(":memory:")).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        let mut seen = Seen::default();
        let received_at = sample.timestamp.millis() + 99;
        assert!(insert(&db, &mut seen, 1, received_at, &sample).unwrap());
        assert!(!insert(&db, &mut seen, 1, received_at + 1, &sample).unwrap());
        seen.flush(&db).unwrap();
        let stored = latest(&db, 1, &id).unwrap().unwrap();
        assert_eq!(serde_json::to_value(&stored.telemetry).unwrap(), full);
        assert_eq!((stored.at, stored.received_at), (sample.timestamp.millis(), received_at));
    }

    fn numbered(seq: u64, timestamp: &str, padding: usize) -> Telemetry {
        let sample = json!({"device_id": "ems_001", "timestamp": timestamp, "boot_id": "b", "seq": seq,
            "battery": {"voltage": 53.2, "soc": 85}, "padding": "x".repeat(padding)});
        Telemetry::parse(&sample.to_string(), &"ems_001".parse().unwrap()).unwrap()
    }

    fn database() -> Connection {
        let db = schema::open(std::path::Path::new(":memory:")).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        db
    }

    #[test]
    fn a_clock_that_is_far_ahead_does_not_hold_the_last_place_for_ever() {
        let (db, mut seen) = (database(), Seen::default());
        let id: DeviceId = "ems_001".parse().unwrap();
        let now = "2026-02-03T12:00:00Z".parse::<Timestamp>().unwrap().millis();
        let ahead = numbered(1, "9999-12-31T23:59:59.999Z", 0);
        insert(&db, &mut seen, 1, now, &ahead).unwrap();
        insert(&db, &mut seen, 1, now + 1000, &numbered(2, "2026-02-03T12:00:02Z", 0)).unwrap();
        assert_eq!(latest(&db, 1, &id).unwrap().unwrap().telemetry.seq, Some(2));
        // It is kept as the device said it, in the place where it arrived.
        let first = range(&db, 1, &id, now, now, 9).unwrap().samples.remove(0);
        assert_eq!((first.at, first.telemetry), (now, ahead));
    }

    #[test]
    fn a_page_of_large_samples_ends_early_and_says_so() {
        let (db, mut seen) = (database(), Seen::default());
        let id: DeviceId = "ems_001".parse().unwrap();
        for seq in 0..100 {
            let time = format!("2026-02-03T12:00:{:02}.{}00Z", seq / 10, seq % 10);
            insert(&db, &mut seen, 1, i64::MAX / 2, &numbered(seq, &time, 200_000)).unwrap();
        }
        let (mut found, mut from) = (std::collections::BTreeSet::new(), 0);
        loop {
            let page = range(&db, 1, &id, from, i64::MAX, 1000).unwrap();
            assert!(page.samples.len() <= 30, "{} samples of 200 kB", page.samples.len());
            found.extend(page.samples.iter().map(|s| s.telemetry.seq.unwrap()));
            if !page.truncated {
                break;
            }
            from = page.samples.last().unwrap().at;
        }
        assert_eq!(found.len(), 100);
    }

    #[test]
    fn samples_without_a_number_are_all_stored_where_they_arrived() {
        let id: DeviceId = "ems_001".parse().unwrap();
        let guide = r#"{"device_id":"ems_001","timestamp":"2026-02-03T12:00:00Z","battery":{"voltage":53.2,"soc":85}}"#;
        let sample = Telemetry::parse(guide, &id).unwrap();
        let db = schema::open(std::path::Path::new(":memory:")).unwrap();
        for received_at in [1000, 2000, 3000] {
            assert!(insert(&db, &mut Seen::default(), 1, received_at, &sample).unwrap());
        }
        let history = range(&db, 1, &id, 1500, 9000, 1).unwrap();
        assert!(history.truncated);
        assert_eq!((history.samples[0].at, history.samples[0].telemetry.clone()), (2000, sample));
    }
}
