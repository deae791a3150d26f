//! A device's store beside a model of it: a list of samples, and sums over it.

use std::collections::{BTreeMap, BTreeSet};

use ems_protocol::Telemetry;
use rusqlite::Connection;

use super::sample::{DEVICE, START, id, values};
use crate::store::history::HOUR_MS;
use crate::store::history::query::{Resolution, Series, Windows, series};
use crate::store::history::retention::{self, Keep};
use crate::store::history::rollup::{FIELD_COUNT, POWER};
use crate::store::history::sealing::{self, DeviceHour, Plan};
use crate::store::samples::{self, Cursor, StoredSample};
use crate::store::seen::Seen;
use crate::store::{recent, schema};

/// What is to be found.
pub(super) struct Sample {
    pub(super) at: i64,
    pub(super) values: [Option<f64>; FIELD_COUNT],
    pub(super) stored: StoredSample,
}

/// A device's store, and everything that it should hold.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) db: Connection,
    pub(super) seen: Seen,
    pub(super) received: i64,
    pub(super) model: Vec<Sample>,
    pub(super) known: BTreeSet<u64>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Self::open(&dir);
        let (model, known) = (Vec::new(), BTreeSet::new());
        Self { dir, db, seen: Seen::default(), received: START + 30 * HOUR_MS, model, known }
    }

    pub(super) fn open(dir: &tempfile::TempDir) -> Connection {
        let db = schema::open(&dir.path().join("ems.db")).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF").unwrap();
        db
    }

    /// As after a kill: what is not in the file is gone.
    pub(super) fn restart(&mut self) {
        self.db = Self::open(&self.dir);
        self.seen = Seen::default();
    }

    pub(super) fn insert(&mut self, samples: &[Telemetry]) {
        let transaction = self.db.unchecked_transaction().unwrap();
        for sample in samples {
            self.received += 3;
            let new = samples::insert(&transaction, &mut self.seen, DEVICE, self.received, sample).unwrap();
            assert_eq!(
                new,
                self.known.insert(sample.seq.unwrap()),
                "duplicates are refused whatever is sealed"
            );
            if new {
                let at = sample.timestamp.millis();
                let stored = StoredSample { at, received_at: self.received, telemetry: sample.clone() };
                self.model.push(Sample { at, values: values(sample), stored });
            }
        }
        self.seen.flush(&transaction).unwrap();
        transaction.commit().unwrap();
        // Stable: of the same time, those that came first stay first.
        self.model.sort_by_key(|sample| sample.at);
    }

    pub(super) fn due(&self) -> Vec<DeviceHour> {
        let devices = sealing::devices(&self.db).unwrap();
        let due = |(device, first)| sealing::due(&self.db, device, first, i64::MAX / 2, 100).unwrap();
        devices.into_iter().flat_map(due).collect()
    }

    /// One step of the sealer, as it would be after a restart; false when there is nothing to do.
    pub(super) fn step(&self) -> bool {
        let write = |work: &dyn Fn(&Connection)| {
            let transaction = self.db.unchecked_transaction().unwrap();
            work(&transaction);
            transaction.commit().unwrap();
        };
        if let Some(hour) = sealing::unfinished(&self.db).unwrap().pop() {
            write(&|db| {
                sealing::clear(db, hour).unwrap();
            });
            return true;
        }
        let Some(hour) = self.due().pop() else { return false };
        match sealing::prepare(&self.db, hour, i64::MAX).unwrap() {
            Plan::Seal(sealing) => write(&|db| sealing::seal(db, &sealing).unwrap()),
            other => panic!("{other:?}"),
        }
        true
    }

    pub(super) fn seal_all(&self) {
        while self.step() {}
        assert_eq!(self.rows(), 0);
    }

    pub(super) fn rows(&self) -> i64 {
        self.db.query_row("SELECT count(*) FROM samples", [], |row| row.get(0)).unwrap()
    }

    pub(super) fn series(&self, from: i64, to: i64, resolution: Resolution) -> Series {
        series(&self.db, DEVICE, (from, to), resolution).unwrap()
    }

    /// Everything that can be asked, against the model.
    pub(super) fn check(&self) {
        let span = (START - HOUR_MS, START + 40 * HOUR_MS);
        let all = samples::range(&self.db, DEVICE, &id(), span.0, span.1, usize::MAX >> 1).unwrap();
        assert_eq!((all.samples.len(), all.truncated), (self.model.len(), false));
        assert!(all.samples.iter().eq(self.model.iter().map(|sample| &sample.stored)));
        self.check_pages();
        let latest = samples::latest(&self.db, DEVICE, &id()).unwrap();
        assert_eq!(latest.as_ref(), self.model.last().map(|sample| &sample.stored));
        let mut backwards = Vec::new();
        samples::newest_first(&self.db, DEVICE, &id(), START + 777_777, |sample| {
            backwards.push(sample);
            true
        })
        .unwrap();
        backwards.reverse();
        let expected = self.model.iter().filter(|sample| sample.at >= START + 777_777);
        assert!(backwards.iter().eq(expected.map(|sample| &sample.stored)));
        self.check_minutes();
        let uneven = (START + 1_234_567, START + 2 * HOUR_MS + 765_432);
        for (from, to) in [span, uneven] {
            for step in [1, 7, 60, 300, 3_600, 7_200, 86_400] {
                self.check_series((from, to), step * 1000);
            }
        }
    }

    /// What the curves of the overview are made of.
    pub(super) fn check_minutes(&self) {
        let found = recent::minutes(&self.db, DEVICE, START / 60_000 + 7).unwrap();
        let mut expected: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
        for sample in self.model.iter().filter(|sample| sample.at >= START + 7 * 60_000) {
            let slot = expected.entry(sample.at / 60_000).or_default();
            *slot = (slot.0 + sample.stored.telemetry.battery.soc.unwrap(), slot.1 + 1);
        }
        assert_eq!(found.len(), expected.len());
        for (found, (minute, (sum, count))) in found.iter().zip(expected) {
            assert_eq!((found.minute, found.soc.1), (minute, count));
            near(found.soc.0.unwrap(), sum / f64::from(count));
        }
    }

    pub(super) fn check_pages(&self) {
        let (mut found, mut cursor) = (Vec::new(), Cursor::before(START));
        loop {
            let (page, next) = samples::page(&self.db, DEVICE, &id(), cursor, i64::MAX, 13).unwrap();
            assert!(page.len() <= 13 && (next.is_none() || page.len() == 13));
            found.extend(page);
            match next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        let expected = self.model.iter().filter(|sample| sample.at >= START).map(|sample| &sample.stored);
        assert!(found.iter().eq(expected));
    }

    pub(super) fn check_series(&self, (from, to): (i64, i64), step: i64) {
        let found = self.series(from, to, Resolution::Step(step));
        assert_eq!(found.step, step);
        let inside: Vec<&Sample> =
            self.model.iter().filter(|sample| (from..=to).contains(&sample.at)).collect();
        let mut expected: BTreeMap<i64, Vec<&Sample>> = BTreeMap::new();
        for sample in &inside {
            expected.entry(sample.at.div_euclid(step) * step).or_default().push(sample);
        }
        let places: Vec<i64> = found.buckets.iter().map(|bucket| bucket.at).collect();
        assert_eq!(places, expected.keys().copied().collect::<Vec<_>>());
        for (bucket, samples) in found.buckets.iter().zip(expected.values()) {
            assert_eq!(bucket.rollup.samples as usize, samples.len());
            for (field, stat) in bucket.rollup.stats.iter().enumerate() {
                let values: Vec<f64> = samples.iter().filter_map(|sample| sample.values[field]).collect();
                assert_eq!(stat.count as usize, values.len());
                if let Some(last) = values.last() {
                    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    assert_eq!((stat.min, stat.max, stat.last), (least, greatest, *last));
                    near(stat.mean(), values.iter().sum::<f64>() / values.len() as f64);
                }
            }
        }
        self.check_energy(&found, &inside);
        self.check_windows((from, to), &found);
    }

    /// An export puts together what a plot has in one piece.
    pub(super) fn check_windows(&self, span: (i64, i64), whole: &Series) {
        let mut windows = Windows::new(&self.db, DEVICE, span, Resolution::Step(whole.step)).unwrap();
        let mut found = Vec::new();
        while let Some(buckets) = windows.next(&self.db).unwrap() {
            found.extend(buckets);
        }
        assert_eq!(found.len(), whole.buckets.len());
        for (found, whole) in found.iter().zip(&whole.buckets) {
            assert_eq!((found.at, found.rollup.samples), (whole.at, whole.rollup.samples));
            near(found.rollup.energy.charged, whole.rollup.energy.charged);
            assert_eq!(found.rollup.energy.covered, whole.rollup.energy.covered, "at {}", found.at);
        }
    }

    /// The energy of each bucket, and so of all: in small slices of the line between neighbours.
    pub(super) fn check_energy(&self, found: &Series, inside: &[&Sample]) {
        let mut longest: BTreeMap<i64, i64> = BTreeMap::new();
        let mut by_hour: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        self.model.iter().for_each(|s| by_hour.entry(s.at.div_euclid(HOUR_MS)).or_default().push(s.at));
        for (hour, times) in by_hour {
            let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            steps.sort_unstable();
            let usual = steps.get(steps.len() / 2).copied().unwrap_or(0);
            longest.insert(hour, (3 * usual).clamp(10_000, 300_000));
        }
        let mut expected: BTreeMap<i64, (f64, f64, i64)> = BTreeMap::new();
        for pair in inside.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let limit = [a, b].map(|s| longest[&s.at.div_euclid(HOUR_MS)]).into_iter().max().unwrap();
            let powers = (a.values[POWER], b.values[POWER]);
            let (Some(from), Some(to)) = powers else { continue };
            let time = b.at - a.at;
            if time > limit {
                continue;
            }
            // What lies before the bucket of the second belongs to the bucket of the first.
            let border = b.at.div_euclid(found.step) * found.step;
            let line = |at: i64| from + (to - from) * (at - a.at) as f64 / time.max(1) as f64;
            for (bucket, start, end) in [(a.at, a.at, border), (b.at, border.max(a.at), b.at)] {
                let slot = expected.entry(bucket.div_euclid(found.step) * found.step).or_default();
                if start < end {
                    let (up, down) = area(line(start), line(end), (end - start) as f64);
                    *slot = (slot.0 + up, slot.1 + down, slot.2 + end - start);
                }
            }
        }
        for bucket in &found.buckets {
            let (charged, discharged, covered) = expected.get(&bucket.at).copied().unwrap_or_default();
            let energy = &bucket.rollup.energy;
            near(energy.charged, charged);
            near(energy.discharged, discharged);
            assert_eq!(energy.covered, covered, "{} of {}", bucket.at, found.step);
        }
    }
}

/// The areas above and below zero of a straight line.
pub(super) fn area(from: f64, to: f64, time: f64) -> (f64, f64) {
    let zero = if from * to < 0.0 { from / (from - to) } else { 1.0 };
    let middle = if from * to < 0.0 { 0.0 } else { to };
    let parts = [from.midpoint(middle) * zero * time, middle.midpoint(to) * (1.0 - zero) * time];
    (parts.iter().map(|p| p.max(0.0)).sum(), parts.iter().map(|p| (-p).max(0.0)).sum())
}

pub(super) fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, expected {expected}");
}

pub(super) fn removed(bench: &Bench, keep: &Keep, now: i64) {
    let mut steps = 0;
    while retention::is_due(&bench.db, keep, now).unwrap() {
        assert!(retention::remove(&bench.db, keep, now).unwrap() > 0);
        steps += 1;
    }
    assert!(steps > 0);
}
