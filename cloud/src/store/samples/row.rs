//! A row of the table, and the sample in it.

use ems_protocol::{
    Battery, ClockQuality, DeviceId, Grid, Mode, PowerMeter, State, SystemStatus, Telemetry, Timestamp,
};
use rusqlite::types::{FromSql, FromSqlError, ValueRef};
use serde_json::Map;

use super::StoredSample;
use super::extra::add_extra;
use crate::store::history::column::Kind;

pub(super) const CLOCKS: [ClockQuality; 4] =
    [ClockQuality::Synced, ClockQuality::Server, ClockQuality::Restored, ClockQuality::Unsynced];
pub(super) const STATES: [State; 6] =
    [State::Idle, State::Charging, State::Discharging, State::Full, State::Empty, State::Error];
pub(super) const MODES: [Mode; 2] = [Mode::Auto, Mode::Manual];

/// The order in which a sample is inserted and [`read`] reads.
pub const COLUMNS: &str = "at, received_at, timestamp, boot, seq, v, clock, state, mode, error_flags, wifi_strength, \
    uptime_seconds, firmware_version, cpu_temperature, undervoltage, voltage, soc, current, power, soc_low, \
    soc_high, soc_uncertainty, synced, temperature, soh, capacity, energy_in, energy_out, cycle_count, \
    time_to_empty_s, time_to_full_s, faults, warnings, grid_voltage, grid_current, grid_power, grid_frequency, \
    grid_power_factor, grid_energy_import, grid_energy_export, grid_status, solar_power, load_power, extra";
/// How many they are.
pub const COLUMN_COUNT: usize = 44;

/// What each column holds.
pub const KINDS: [Kind; COLUMN_COUNT] = {
    use Kind::{Int, Real, Text};
    [
        Int, Int, Int, Int, Int, Int, Int, Int, Int, Text, Real, Int, Text, Real, Int, Real, Real, Real,
        Real, Real, Real, Real, Int, Real, Real, Real, Real, Real, Real, Real, Real, Text, Text, Real, Real,
        Real, Real, Real, Real, Real, Text, Real, Real, Text,
    ]
};

/// Places in [`COLUMNS`].
pub const AT: usize = 0;
/// When it arrived.
pub const RECEIVED_AT: usize = 1;
/// The key of its boot.
pub const BOOT: usize = 3;

/// A sample by its columns: a row of the table with its `boot_id` after the others, or the same from a block.
pub trait Cells {
    /// The value in a column.
    fn cell(&self, column: usize) -> rusqlite::Result<ValueRef<'_>>;
}

/// The sample in a row of [`COLUMNS`] and its `boot_id`.
pub fn read(row: &(impl Cells + ?Sized), id: &DeviceId) -> rusqlite::Result<StoredSample> {
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

fn system_status(columns: &mut Columns<'_, impl Cells + ?Sized>) -> rusqlite::Result<SystemStatus> {
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

fn battery(columns: &mut Columns<'_, impl Cells + ?Sized>) -> rusqlite::Result<Battery> {
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

fn grid(columns: &mut Columns<'_, impl Cells + ?Sized>) -> rusqlite::Result<Grid> {
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
struct Columns<'a, C: ?Sized> {
    row: &'a C,
    next: usize,
}

impl<C: Cells + ?Sized> Columns<'_, C> {
    fn next<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let column = self.next;
        self.next += 1;
        let value = self.row.cell(column)?;
        T::column_result(value).map_err(|error| match error {
            FromSqlError::OutOfRange(number) => rusqlite::Error::IntegralValueOutOfRange(column, number),
            error => rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), Box::new(error)),
        })
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
