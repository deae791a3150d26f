//! One hour of a device, from its block and the rows that are not in it yet.

use std::array;

use rusqlite::{Connection, OptionalExtension, params};

use super::block::Block;
use super::bytes::Damaged;
use super::column::Column;
use super::packed::Hour;
use super::rollup::{FIELD_COUNT, FIELDS, Rollup};
use super::{HOUR_MS, MINUTE_MS};

/// Steps between samples that are longer than three usual ones are gaps, but never those below the first (ms), and
/// always those above the second.
pub const LONGEST: (i64, i64) = (10_000, 300_000);

/// What is sealed in one piece, in samples.
pub const MAX_SAMPLES: usize = 40_000;

/// An hour of which something is stored.
#[derive(Debug)]
pub struct Found {
    /// Whole hours since 1970.
    pub hour: i64,
    /// Its roll-up, once it is sealed.
    pub sealed: Option<Result<Hour, Damaged>>,
    /// Rows up to this id are in the block too.
    pub sealed_to: i64,
    /// Whether there are rows that are in no block.
    pub pending: bool,
}

/// The hours of a device that hold samples with `from <= at <= to`, and perhaps others, in order.
pub fn find(db: &Connection, device: i64, from: i64, to: i64) -> rusqlite::Result<Vec<Found>> {
    let (first, last) = (from.div_euclid(HOUR_MS), to.div_euclid(HOUR_MS));
    let mut found: Vec<Found> = db
        .prepare_cached(
            "SELECT hour, sealed_to, rollup FROM hours WHERE device = ? AND hour BETWEEN ? AND ? ORDER BY hour",
        )?
        .query_map([device, first, last], |row| {
            Ok(Found {
                hour: row.get(0)?,
                sealed_to: row.get::<_, Option<i64>>(1)?.unwrap_or_default(),
                sealed: Some(Hour::unpack(row.get_ref(2)?.as_blob()?)),
                pending: false,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let sealed = found.len();
    for hour in with_rows(db, device, (first, last), usize::MAX)? {
        let place = found.get(..sealed).and_then(|found| found.binary_search_by_key(&hour, |f| f.hour).ok());
        match place.and_then(|place| found.get_mut(place)) {
            Some(found) => found.pending = has_pending(db, device, found)?,
            None => found.push(Found { hour, sealed: None, sealed_to: 0, pending: true }),
        }
    }
    found.sort_by_key(|found| found.hour);
    Ok(found)
}

/// The hours from `first` to `last` of which there are rows, at most `limit`.
pub fn with_rows(
    db: &Connection,
    device: i64,
    (first, last): (i64, i64),
    limit: usize,
) -> rusqlite::Result<Vec<i64>> {
    let mut next =
        db.prepare_cached("SELECT min(at) FROM samples WHERE device = ? AND at BETWEEN ? AND ?")?;
    let (mut hours, mut hour) = (Vec::new(), first);
    while hour <= last && hours.len() < limit {
        let span = params![device, start_of(hour), end_of(last)];
        let Some(at) = next.query_row(span, |row| row.get::<_, Option<i64>>(0))? else { break };
        hour = at.div_euclid(HOUR_MS);
        hours.push(hour);
        hour += 1;
    }
    Ok(hours)
}

/// What is looked for by [`next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Samples.
    Samples,
    /// Samples, or the roll-up that is left of them.
    Rollups,
}

/// The first hour with something from that of one time to that of another.
pub fn next(
    db: &Connection,
    device: i64,
    (from, to): (i64, i64),
    kept: Kept,
) -> rusqlite::Result<Option<i64>> {
    let row: Option<i64> = db
        .prepare_cached("SELECT min(at) FROM samples WHERE device = ? AND at BETWEEN ? AND ?")?
        .query_row([device, from, to], |row| row.get(0))?;
    let sealed: Option<i64> = db
        .prepare_cached(match kept {
            Kept::Samples => "SELECT min(hour) FROM blocks WHERE device = ? AND hour BETWEEN ? AND ?",
            Kept::Rollups => "SELECT min(hour) FROM hours WHERE device = ? AND hour BETWEEN ? AND ?",
        })?
        .query_row([device, from.div_euclid(HOUR_MS), to.div_euclid(HOUR_MS)], |row| row.get(0))?;
    Ok([row.map(|at| at.div_euclid(HOUR_MS)), sealed].into_iter().flatten().min())
}

/// The last hour with samples from that of one time to that of another.
pub fn last(db: &Connection, device: i64, (from, to): (i64, i64)) -> rusqlite::Result<Option<i64>> {
    let row: Option<i64> = db
        .prepare_cached("SELECT max(at) FROM samples WHERE device = ? AND at BETWEEN ? AND ?")?
        .query_row([device, from, to], |row| row.get(0))?;
    let sealed: Option<i64> = db
        .prepare_cached("SELECT max(hour) FROM blocks WHERE device = ? AND hour BETWEEN ? AND ?")?
        .query_row([device, from.div_euclid(HOUR_MS), to.div_euclid(HOUR_MS)], |row| row.get(0))?;
    Ok([row.map(|at| at.div_euclid(HOUR_MS)), sealed].into_iter().flatten().max())
}

fn has_pending(db: &Connection, device: i64, found: &Found) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM samples WHERE device = ? AND at BETWEEN ? AND ? AND id > ?)",
    )?
    .query_row(params![device, start_of(found.hour), end_of(found.hour), found.sealed_to], |row| row.get(0))
}

/// The first millisecond of an hour.
pub fn start_of(hour: i64) -> i64 {
    hour.saturating_mul(HOUR_MS)
}

/// The last one.
pub fn end_of(hour: i64) -> i64 {
    start_of(hour).saturating_add(HOUR_MS - 1)
}

/// The packed samples of an hour.
pub fn block(db: &Connection, device: i64, hour: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT samples FROM blocks WHERE device = ? AND hour = ?")?
        .query_row([device, hour], |row| row.get(0))
        .optional()
}

/// The packed roll-ups of its minutes.
pub fn minutes(db: &Connection, device: i64, hour: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT rollups FROM minutes WHERE device = ? AND hour = ?")?
        .query_row([device, hour], |row| row.get(0))
        .optional()
}

/// What is rolled up of some samples, in the order of time.
#[derive(Debug, Default)]
pub struct Points {
    points: Vec<(i64, [f64; FIELD_COUNT])>,
}

impl Points {
    /// Those in a block.
    pub fn of_block(block: &Block) -> Self {
        let columns: [Option<&Vec<f64>>; FIELD_COUNT] = array::from_fn(|field| {
            let (_, column) = FIELDS.get(field)?;
            if let Some(Column::Reals(values)) = block.column(*column) { Some(values) } else { None }
        });
        let value =
            |column: Option<&Vec<f64>>, n: usize| column.and_then(|c| c.get(n)).copied().unwrap_or(f64::NAN);
        let point = |n: usize| (block.at(n), columns.map(|column| value(column, n)));
        Self { points: (0..block.len).map(point).collect() }
    }

    /// The longest step between two samples that is no gap, ms: three times the usual one.
    pub fn longest(&self) -> i64 {
        longest(self.points.iter().map(|(at, _)| *at))
    }

    /// One by one, those with `from <= at <= to`.
    pub fn rollups(&self, from: i64, to: i64) -> impl Iterator<Item = Rollup> + '_ {
        let span =
            self.points.iter().skip_while(move |(at, _)| *at < from).take_while(move |(at, _)| *at <= to);
        span.map(|(at, values)| Rollup::of(*at, values))
    }

    /// Minute by minute.
    pub fn minutes(&self, longest: i64) -> Vec<Rollup> {
        let mut minutes = Vec::with_capacity(60);
        self.rollups(i64::MIN, i64::MAX).for_each(|sample| add_to_minutes(&mut minutes, sample, longest));
        minutes
    }
}

/// All samples of an hour, of its block and rows that are not in it. Rows are passed on as they are read: there may be
/// any number of them.
#[derive(Debug)]
pub struct Samples<'a> {
    db: &'a Connection,
    device: i64,
    hour: i64,
    sealed_to: i64,
    block: Option<Points>,
}

impl<'a> Samples<'a> {
    /// Those of the block, and the rows after `sealed_to`.
    pub fn open(db: &'a Connection, device: i64, hour: i64, sealed_to: i64) -> rusqlite::Result<Self> {
        let rolled_up = |place| FIELDS.iter().any(|(_, column)| *column == place);
        let block = block(db, device, hour)?.map(|bytes| Block::unpack(&bytes, rolled_up)).transpose()?;
        Ok(Self { db, device, hour, sealed_to, block: block.as_ref().map(Points::of_block) })
    }

    /// Whether some are in a block.
    pub fn are_packed(&self) -> bool {
        self.block.is_some()
    }

    /// As [`Points::longest`]; of more samples than are ever sealed, by the first of them.
    pub fn longest(&self) -> rusqlite::Result<i64> {
        let mut statement = self.db.prepare_cached(
            "SELECT at FROM samples WHERE device = ? AND at BETWEEN ? AND ? AND id > ? ORDER BY at LIMIT ?",
        )?;
        let (from, to) = (start_of(self.hour), end_of(self.hour));
        let rows = statement
            .query_map(params![self.device, from, to, self.sealed_to, MAX_SAMPLES], |row| row.get(0))?;
        let mut times: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
        times.extend(self.block.iter().flat_map(|block| &block.points).map(|(at, _)| *at));
        times.sort_unstable();
        Ok(longest(times.into_iter().take(MAX_SAMPLES)))
    }

    /// Takes those with `from <= at <= to` one by one, in order.
    pub fn each(&self, (from, to): (i64, i64), mut take: impl FnMut(Rollup)) -> rusqlite::Result<()> {
        const QUERY: &str = "SELECT at, voltage, current, power, soc, soc_low, soc_high, temperature, grid_power, \
            solar_power, load_power, cpu_temperature, wifi_strength FROM samples \
            WHERE device = ? AND at BETWEEN ? AND ? AND id > ? ORDER BY at, id";
        let (first, last) = (from.max(start_of(self.hour)), to.min(end_of(self.hour)));
        let mut statement = self.db.prepare_cached(QUERY)?;
        let mut rows = statement.query(params![self.device, first, last, self.sealed_to])?;
        let mut packed = self.block.iter().flat_map(|block| block.rollups(from, to)).peekable();
        while let Some(row) = rows.next()? {
            let at = row.get(0)?;
            let mut values = [f64::NAN; FIELD_COUNT];
            for (n, value) in values.iter_mut().enumerate() {
                *value = row.get::<_, Option<f64>>(n + 1)?.unwrap_or(f64::NAN);
            }
            // Of the same time, those of the block came first.
            while let Some(sample) = packed.next_if(|sample| sample.first.at <= at) {
                take(sample);
            }
            take(Rollup::of(at, &values));
        }
        packed.for_each(take);
        Ok(())
    }

    /// Minute by minute.
    pub fn minutes(&self, longest: i64) -> rusqlite::Result<Vec<Rollup>> {
        let mut minutes = Vec::with_capacity(60);
        self.each((i64::MIN, i64::MAX), |sample| add_to_minutes(&mut minutes, sample, longest))?;
        Ok(minutes)
    }
}

fn longest(times: impl Iterator<Item = i64> + Clone) -> i64 {
    let mut steps: Vec<i64> = times.clone().zip(times.skip(1)).map(|(a, b)| b - a).collect();
    let middle = steps.len() / 2;
    let usual = if steps.is_empty() { 0 } else { *steps.select_nth_unstable(middle).1 };
    (3 * usual).clamp(LONGEST.0, LONGEST.1)
}

fn add_to_minutes(minutes: &mut Vec<Rollup>, sample: Rollup, longest: i64) {
    match minutes.last_mut() {
        Some(minute) if minute_of(minute) == minute_of(&sample) => minute.merge(&sample, longest),
        _ => minutes.push(sample),
    }
}

/// The minute since 1970 in which a roll-up begins.
pub fn minute_of(rollup: &Rollup) -> i64 {
    rollup.first.at.div_euclid(MINUTE_MS)
}

/// Roll-ups of minutes of which the samples are gone, with those of samples that came after that.
pub fn blend(mut minutes: Vec<Rollup>, late: &[Rollup]) -> Vec<Rollup> {
    for rollup in late {
        match minutes.binary_search_by_key(&minute_of(rollup), minute_of) {
            Ok(place) => minutes.iter_mut().skip(place).take(1).for_each(|minute| minute.blend(rollup)),
            Err(place) => minutes.insert(place, rollup.clone()),
        }
    }
    minutes
}
