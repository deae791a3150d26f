//! History against a model of it: a list of samples, and sums over it.

use std::collections::{BTreeMap, BTreeSet};

use ems_protocol::{Battery, DeviceId, PowerMeter, SystemStatus, Telemetry, Timestamp};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::json;

use super::HOUR_MS;
use super::query::{Resolution, Series, series};
use super::rollup::{FIELD_COUNT, FIELDS, POWER};
use super::sealing::{self, DeviceHour, Plan};
use crate::store::samples::{self, Cursor, StoredSample};
use crate::store::schema;
use crate::store::seen::Seen;

/// 2026-02-02T02:00:00Z.
const START: i64 = 1_769_997_600_000;
const DEVICE: i64 = 7;

fn id() -> DeviceId {
    "ems_001".parse().unwrap()
}

/// What is to be found.
struct Sample {
    at: i64,
    values: [Option<f64>; FIELD_COUNT],
    stored: StoredSample,
}

/// A device's store, and everything that it should hold.
struct Bench {
    dir: tempfile::TempDir,
    db: Connection,
    seen: Seen,
    received: i64,
    model: Vec<Sample>,
    known: BTreeSet<u64>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Self::open(&dir);
        let (model, known) = (Vec::new(), BTreeSet::new());
        Self { dir, db, seen: Seen::default(), received: START + 30 * HOUR_MS, model, known }
    }

    fn open(dir: &tempfile::TempDir) -> Connection {
        let db = schema::open(&dir.path().join("ems.db")).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF").unwrap();
        db
    }

    /// As after a kill: what is not in the file is gone.
    fn restart(&mut self) {
        self.db = Self::open(&self.dir);
        self.seen = Seen::default();
    }

    fn insert(&mut self, samples: &[Telemetry]) {
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

    fn due(&self) -> Vec<DeviceHour> {
        sealing::due(&self.db, i64::MAX / 2, None, 100).unwrap()
    }

    /// One step of the sealer, as it would be after a restart; false when there is nothing to do.
    fn step(&self) -> bool {
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

    fn seal_all(&self) {
        while self.step() {}
        assert_eq!(self.rows(), 0);
    }

    fn rows(&self) -> i64 {
        self.db.query_row("SELECT count(*) FROM samples", [], |row| row.get(0)).unwrap()
    }

    fn series(&self, from: i64, to: i64, resolution: Resolution) -> Series {
        series(&self.db, DEVICE, (from, to), resolution).unwrap()
    }

    /// Everything that can be asked, against the model.
    fn check(&self) {
        let span = (START - HOUR_MS, START + 40 * HOUR_MS);
        let all = samples::range(&self.db, DEVICE, &id(), span.0, span.1, usize::MAX >> 1).unwrap();
        assert_eq!((all.samples.len(), all.truncated), (self.model.len(), false));
        assert!(all.samples.iter().eq(self.model.iter().map(|sample| &sample.stored)));
        self.check_pages();
        let latest = samples::latest(&self.db, DEVICE, &id()).unwrap();
        assert_eq!(latest.as_ref(), self.model.last().map(|sample| &sample.stored));
        let uneven = (START + 1_234_567, START + 2 * HOUR_MS + 765_432);
        for (from, to) in [span, uneven] {
            for step in [1, 7, 60, 300, 3_600, 7_200, 86_400] {
                self.check_series((from, to), step * 1000);
            }
        }
    }

    fn check_pages(&self) {
        let (mut found, mut cursor) = (Vec::new(), Cursor { at: START, skip: 0 });
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

    fn check_series(&self, (from, to): (i64, i64), step: i64) {
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
    }

    /// The energy of each bucket, and so of all: in small slices of the line between neighbours.
    fn check_energy(&self, found: &Series, inside: &[&Sample]) {
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
fn area(from: f64, to: f64, time: f64) -> (f64, f64) {
    let zero = if from * to < 0.0 { from / (from - to) } else { 1.0 };
    let middle = if from * to < 0.0 { 0.0 } else { to };
    let parts = [from.midpoint(middle) * zero * time, middle.midpoint(to) * (1.0 - zero) * time];
    (parts.iter().map(|p| p.max(0.0)).sum(), parts.iter().map(|p| (-p).max(0.0)).sum())
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, expected {expected}");
}

/// By [`FIELDS`], looked up by their names.
fn values(sample: &Telemetry) -> [Option<f64>; FIELD_COUNT] {
    let sample = serde_json::to_value(sample).unwrap();
    FIELDS.map(|(name, _)| sample.pointer(&format!("/{}", name.replace('.', "/")))?.as_f64())
}

/// Sample `seq` of a device that measures at uneven times and not all fields always.
fn sample(seq: u64, at: i64) -> Telemetry {
    let mut sample = Telemetry::new(id(), Timestamp::from_millis(START + at));
    sample.boot_id = Some(format!("boot-{}", seq % 3 / 2));
    sample.seq = Some(seq);
    let wave = (seq * 7_919 % 1_000) as f64;
    let some = |every: u64, value: f64| (!seq.is_multiple_of(every)).then_some(value);
    sample.battery = Battery {
        voltage: Some(48.0 + wave / 1000.0),
        soc: Some((50.0 + wave / 100.0).min(100.0)),
        current: some(5, wave / 10.0 - 50.0),
        power: some(11, (wave / 10.0 - 50.0) * (48.0 + wave / 1000.0)),
        soc_low: some(2, 40.5),
        temperature: some(3, -wave / 7.0),
        charge_allowed: some(4, 1.0).map(|_| true),
        faults: if seq.is_multiple_of(13) { vec!["OVER_VOLTAGE".into()] } else { vec![] },
        ..Battery::default()
    };
    if seq.is_multiple_of(6) {
        sample.solar = Some(PowerMeter { power: Some(0.1 + 0.2), ..PowerMeter::default() });
        sample.extra.insert("site".into(), json!({ "n": seq }));
    }
    sample.system_status = some(9, 1.0).map(|_| SystemStatus {
        wifi_strength: some(8, -50.5),
        uptime_seconds: Some(seq),
        ..SystemStatus::default()
    });
    sample
}

/// What happens to a store.
#[derive(Debug, Clone)]
enum Act {
    /// Samples arrive: the first number, how many, and how far they lie apart (ms).
    Insert(u64, u64, i64),
    /// The sealer makes so many steps.
    Seal(usize),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_u64..400, 1_u64..90, any::<bool>()).prop_map(|(first, count, back)| Act::Insert(first, count, if back { -1 } else { 1 })),
        4 => (1_usize..6).prop_map(Act::Seal),
        1 => Just(Act::Restart),
    ]
}

/// The place of a sample is that of its number, so a repeated number is a duplicate: mostly near its neighbours, with jumps
/// over gaps, hours and some equal times.
fn place(seq: u64) -> i64 {
    let seq = seq.cast_signed();
    let jump = seq / 60 * 3_000_000;
    jump + seq % 60 * 4_300 / 10 * 10 - if seq % 10 == 3 { 4_300 } else { 0 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn every_answer_is_that_of_a_plain_list_whatever_is_sealed(acts in prop::collection::vec(act(), 1..12)) {
        let mut bench = Bench::new();
        for act in acts {
            match act {
                Act::Insert(first, count, direction) => {
                    let mut numbers: Vec<u64> = (first..first + count).collect();
                    if direction < 0 {
                        numbers.reverse();
                    }
                    let samples: Vec<Telemetry> = numbers.into_iter().map(|seq| sample(seq, place(seq))).collect();
                    bench.insert(&samples);
                }
                Act::Seal(steps) => {
                    for _ in 0..steps {
                        bench.step();
                    }
                }
                Act::Restart => bench.restart(),
            }
            bench.check();
        }
        bench.seal_all();
        bench.check();
    }
}

/// Histories that are made up; `EMS_TEST_HISTORIES` makes it more.
fn cases() -> u32 {
    std::env::var("EMS_TEST_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(24)
}
