//! The last minutes of a device, as a page wants them that has just opened or was away.

use ems_protocol::{DeviceId, Telemetry};
use rusqlite::Connection;

use super::history::buckets::Bucket;
use super::history::query::{Resolution, series};
use super::history::rollup::{FIELDS, Stat};
use super::history::{HOUR_MS, MINUTE_MS};
use super::samples;
use crate::fleet::spark::Minute;

/// After everything, ms since 1970.
const MAX_TIME: i64 = i64::MAX / 2;

/// What is asked for, all times in ms since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The first place on the time axis.
    pub from: i64,
    /// Of samples before `since` on the time axis only those are wanted that arrived since.
    pub since: i64,
    /// The most samples: the last ones are taken.
    pub samples: usize,
    /// The most bytes of JSON.
    pub bytes: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Recent {
    /// The samples as JSON, oldest first, each with its place on the time axis.
    pub samples: Vec<(i64, String)>,
    /// Whether nothing was left off.
    pub complete: bool,
}

/// The samples of a device that are wanted.
pub fn samples(db: &Connection, device: i64, id: &DeviceId, wanted: Wanted) -> rusqlite::Result<Recent> {
    let mut recent = Recent { complete: true, ..Recent::default() };
    let mut bytes = 0;
    samples::newest_first(db, device, id, wanted.from, |stored| {
        if stored.at < wanted.since && stored.received_at < wanted.since {
            return true;
        }
        let text = json(&stored.telemetry);
        bytes += text.len();
        if recent.samples.len() >= wanted.samples || bytes > wanted.bytes {
            recent.complete = false;
            return false;
        }
        recent.samples.push((stored.at, text));
        true
    })?;
    recent.samples.reverse();
    Ok(recent)
}

/// The means of each minute from `first` on, in minutes since 1970.
pub fn minutes(db: &Connection, device: i64, first: i64) -> rusqlite::Result<Vec<Minute>> {
    let from = first * MINUTE_MS;
    let sealed: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM hours WHERE device = ? AND hour >= ?)")?
        .query_row([device, from.div_euclid(HOUR_MS)], |row| row.get(0))?;
    if sealed {
        let series = series(db, device, (from, MAX_TIME), Resolution::Step(MINUTE_MS))?;
        return Ok(series.buckets.iter().map(minute).collect());
    }
    db.prepare_cached(
        "SELECT at / 60000, avg(soc), count(soc), avg(power), count(power) FROM samples \
         WHERE device = ? AND at >= ? GROUP BY 1",
    )?
    .query_map([device, from], |row| {
        Ok(Minute { minute: row.get(0)?, soc: (row.get(1)?, row.get(2)?), power: (row.get(3)?, row.get(4)?) })
    })?
    .collect()
}

/// Of a bucket of the history.
fn minute(bucket: &Bucket) -> Minute {
    let mean = |name: &str| {
        let place = FIELDS.iter().position(|(field, _)| *field == name);
        let stat = place.and_then(|place| bucket.rollup.stats.get(place)).filter(|stat| stat.count > 0);
        (stat.map(Stat::mean), stat.map_or(0, |stat| stat.count))
    };
    Minute { minute: bucket.at / MINUTE_MS, soc: mean("battery.soc"), power: mean("battery.power") }
}

fn json(sample: &Telemetry) -> String {
    // Our own types always serialise.
    serde_json::to_string(sample).unwrap_or_default()
}
