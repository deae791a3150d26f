//! A device's history in as many points as somebody wants to see.

use rusqlite::Connection;

use super::buckets::{Bucket, Buckets};
use super::bytes::{Unpacker, is_damage};
use super::hour::{self, Found, Kept, Samples};
use super::packed::unpack_minutes;
use super::rollup::Rollup;
use super::{HOUR_MS, MINUTE_MS};

/// The finest step, ms.
const SECOND_MS: i64 = 1_000;
/// Coarser steps than these are whole minutes and whole hours (ms), so that roll-ups do for them.
const MINUTES_FROM: i64 = 120_000;
const HOURS_FROM: i64 = 2 * HOUR_MS;

/// What is read at once of a long time: so many ms, and so many buckets.
const WINDOW_MS: i64 = 4 * HOUR_MS;
const WINDOW_BUCKETS: i64 = 500;

/// How fine the answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// At most so many buckets; two at least.
    Width(i64),
    /// Buckets of so many ms, or a little wider so that roll-ups do for them.
    Step(i64),
}

/// What the buckets were made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Samples.
    Raw,
    /// Roll-ups of minutes; samples where a minute is not whole.
    Minute,
    /// Roll-ups of hours; finer ones where an hour is not whole.
    Hour,
}

/// Some of a device's history.
#[derive(Debug)]
pub struct Series {
    /// Width of a bucket, ms.
    pub step: i64,
    /// What they were made of.
    pub source: Source,
    /// In order; those without samples are not there.
    pub buckets: Vec<Bucket>,
    /// Hours of which nothing is in them, though there was something.
    pub damaged: Vec<DamagedHour>,
}

/// An hour that cannot be read, because the disk has changed what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedHour {
    /// Whole hours since 1970.
    pub hour: i64,
    /// What was found.
    pub reason: String,
}

/// The samples with `from <= at <= to` in buckets. Where samples or roll-ups are gone for their age, the step is as coarse
/// as what is left.
pub fn series(
    db: &Connection,
    device: i64,
    (from, to): (i64, i64),
    resolution: Resolution,
) -> rusqlite::Result<Series> {
    // What is sealed meanwhile must be seen either as rows or as a block.
    let snapshot = db.unchecked_transaction()?;
    let step = resolution.on(&snapshot, device, from, to)?;
    let mut damaged = Vec::new();
    let buckets = buckets(&snapshot, device, (from, to), step, |hour, error| {
        damaged.push(DamagedHour { hour, reason: error.to_string() });
        Ok(())
    })?;
    snapshot.finish()?;
    Ok(Series { step, source: Source::of(step), buckets, damaged })
}

/// The buckets of a step. What is gone for its age is in the bucket in which the roll-up begins that is left of it. An hour
/// that is damaged is left out if `leave_out` says so.
fn buckets(
    db: &Connection,
    device: i64,
    span: (i64, i64),
    step: i64,
    mut leave_out: impl FnMut(i64, rusqlite::Error) -> rusqlite::Result<()>,
) -> rusqlite::Result<Vec<Bucket>> {
    let mut reader = Reading {
        db,
        device,
        span,
        source: Source::of(step),
        buckets: Buckets::new(step),
        unpacker: Unpacker::default(),
    };
    for found in hour::find(db, device, span.0, span.1)? {
        let hour = found.hour;
        match reader.add(found) {
            Err(error) if is_damage(&error) => leave_out(hour, error)?,
            other => other?,
        }
    }
    Ok(reader.buckets.finish())
}

/// The buckets of a long time, some hours at once, all of the same step whatever is removed meanwhile.
#[derive(Debug)]
pub struct Windows {
    device: i64,
    span: (i64, i64),
    step: i64,
    /// Where the next window begins, ms since 1970.
    at: i64,
}

impl Windows {
    /// Those of the samples with `from <= at <= to`.
    pub fn new(
        db: &Connection,
        device: i64,
        (from, to): (i64, i64),
        resolution: Resolution,
    ) -> rusqlite::Result<Self> {
        let step = resolution.on(db, device, from, to)?;
        Ok(Self { device, span: (from, to), step, at: from.div_euclid(step) * step })
    }

    /// The buckets of the next window with samples; none after the last.
    pub fn next(&mut self, db: &Connection) -> rusqlite::Result<Option<Vec<Bucket>>> {
        let Self { device, span: (from, to), step, at } = *self;
        let Some(hour) = hour::next(db, device, (at, to), Kept::Rollups)? else { return Ok(None) };
        let start = at.max(hour::start_of(hour).div_euclid(step) * step);
        let end = start.saturating_add(round_up(WINDOW_MS.max(step.saturating_mul(WINDOW_BUCKETS)), step));
        self.at = end;
        // A bucket includes the energy on the way from and to its neighbours, so these must be seen.
        let seen = (start - hour::LONGEST.1, end.saturating_add(hour::LONGEST.1));
        let snapshot = db.unchecked_transaction()?;
        // A file with a gap that nobody is told of would pass for the whole.
        let buckets =
            buckets(&snapshot, device, (seen.0.max(from), seen.1.min(to)), step, |_, error| Err(error))?;
        snapshot.finish()?;
        Ok(Some(buckets.into_iter().filter(|bucket| (start..end).contains(&bucket.at)).collect()))
    }
}

impl Source {
    fn of(step: i64) -> Self {
        if step % HOUR_MS == 0 {
            Self::Hour
        } else if step % MINUTE_MS == 0 {
            Self::Minute
        } else {
            Self::Raw
        }
    }

    /// Steps that it can do are multiples of this, ms.
    fn unit(self) -> i64 {
        match self {
            Self::Raw => SECOND_MS,
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
        }
    }

    /// In the answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }
}

/// What is still there of all the hours in a span, if that is coarser than what is `wanted`.
fn left(db: &Connection, device: i64, (from, to): (i64, i64), wanted: Source) -> rusqlite::Result<Source> {
    const WITHOUT_MINUTES: &str = "SELECT EXISTS (SELECT 1 FROM hours h WHERE device = ?1 AND hour BETWEEN ?2 AND ?3 \
        AND NOT EXISTS (SELECT 1 FROM minutes m WHERE m.device = ?1 AND m.hour = h.hour))";
    const WITHOUT_SAMPLES: &str = "SELECT EXISTS (SELECT 1 FROM hours h WHERE device = ?1 AND hour BETWEEN ?2 AND ?3 \
        AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.device = ?1 AND b.hour = h.hour))";
    let (first, last) = (from.div_euclid(HOUR_MS), to.div_euclid(HOUR_MS));
    let coarser = [(Source::Hour, WITHOUT_MINUTES), (Source::Minute, WITHOUT_SAMPLES)];
    for (source, query) in coarser.into_iter().filter(|(source, _)| *source > wanted) {
        if db.prepare_cached(query)?.query_row([device, first, last], |row| row.get(0))? {
            return Ok(source);
        }
    }
    Ok(wanted)
}

impl Resolution {
    /// The step, as coarse as what is left of a device's history demands.
    fn on(self, db: &Connection, device: i64, from: i64, to: i64) -> rusqlite::Result<i64> {
        let step = self.step(from, to, Source::Raw);
        Ok(self.step(from, to, left(db, device, (from, to), Source::of(step))?))
    }

    fn step(self, from: i64, to: i64, finest: Source) -> i64 {
        match self {
            Self::Step(step) => rounded(step.max(1), finest),
            Self::Width(width) => {
                let width = width.max(2);
                let mut step = rounded((to - from) / width + 1, finest);
                while to.div_euclid(step) - from.div_euclid(step) >= width {
                    step = rounded(step + 1, finest);
                }
                step
            }
        }
    }
}

/// The next step that is well served.
fn rounded(step: i64, finest: Source) -> i64 {
    let coarse = if step > HOURS_FROM {
        Source::Hour
    } else if step > MINUTES_FROM {
        Source::Minute
    } else {
        Source::Raw
    };
    round_up(step, coarse.max(finest).unit())
}

fn round_up(number: i64, unit: i64) -> i64 {
    number.div_euclid(unit).saturating_add(i64::from(number.rem_euclid(unit) != 0)).saturating_mul(unit)
}

struct Reading<'a> {
    db: &'a Connection,
    device: i64,
    span: (i64, i64),
    source: Source,
    buckets: Buckets,
    unpacker: Unpacker,
}

impl Reading<'_> {
    fn add(&mut self, found: Found) -> rusqlite::Result<()> {
        let whole = self.span.0 <= hour::start_of(found.hour) && hour::end_of(found.hour) <= self.span.1;
        let sealed = match found.sealed {
            Some(Ok(sealed)) => sealed,
            None => return self.add_samples(&Samples::open(self.db, self.device, found.hour, 0)?),
            Some(Err(damaged)) => {
                // Its samples have all that a roll-up has.
                let samples = Samples::open(self.db, self.device, found.hour, found.sealed_to)?;
                return if samples.are_packed() { self.add_samples(&samples) } else { Err(damaged.into()) };
            }
        };
        let longest = sealed.longest;
        if whole && !found.pending {
            if self.source == Source::Hour {
                self.buckets.push(sealed.rollup, longest);
                return Ok(());
            }
            if self.source == Source::Minute
                && let Some(minutes) = self.minutes(found.hour).or_else(|error| {
                    // Its samples have all that roll-ups have.
                    if is_damage(&error) { Ok(None) } else { Err(error) }
                })?
            {
                for minute in minutes {
                    self.buckets.push(minute, longest);
                }
                return Ok(());
            }
        }
        let samples = Samples::open(self.db, self.device, found.hour, found.sealed_to)?;
        if samples.are_packed() {
            return self.add_samples(&samples);
        }
        // The samples are gone: the roll-ups that are left, with what came late.
        let late = samples.minutes(longest)?;
        let minutes = if whole && self.source == Source::Hour { None } else { self.minutes(found.hour)? };
        let rollups =
            minutes.map_or_else(|| vec![sealed.with(&late).rollup], |minutes| hour::blend(minutes, &late));
        let (from, to) = self.span;
        for rollup in rollups.into_iter().filter(|rollup| (from..=to).contains(&rollup.first.at)) {
            self.buckets.push(rollup, longest);
        }
        Ok(())
    }

    fn add_samples(&mut self, samples: &Samples<'_>) -> rusqlite::Result<()> {
        let longest = samples.longest()?;
        samples.each(self.span, |sample| self.buckets.push(sample, longest))
    }

    fn minutes(&mut self, hour: i64) -> rusqlite::Result<Option<Vec<Rollup>>> {
        let packed = hour::minutes(self.db, self.device, hour)?;
        Ok(packed.map(|bytes| unpack_minutes(&bytes, &mut self.unpacker)).transpose()?)
    }
}
