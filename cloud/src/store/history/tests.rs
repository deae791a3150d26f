//! History against a model of it: a list of samples, and sums over it.

use std::collections::{BTreeMap, BTreeSet};

use ems_protocol::{Battery, DeviceId, PowerMeter, SystemStatus, Telemetry, Timestamp};
use proptest::prelude::*;
use rusqlite::{Connection, StatementStatus};
use serde_json::json;

use super::HOUR_MS;
use super::buckets::Bucket;
use super::last;
use super::query::{Resolution, Series, Windows, series};
use super::retention::{self, Keep};
use super::rollup::{FIELD_COUNT, FIELDS, POWER};
use super::sealing::{self, DeviceHour, Plan};
use crate::store::recent;
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
        let devices = sealing::devices(&self.db).unwrap();
        let due = |(device, first)| sealing::due(&self.db, device, first, i64::MAX / 2, 100).unwrap();
        devices.into_iter().flat_map(due).collect()
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
    fn check_minutes(&self) {
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

    fn check_pages(&self) {
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
        self.check_windows((from, to), &found);
    }

    /// An export puts together what a plot has in one piece.
    fn check_windows(&self, span: (i64, i64), whole: &Series) {
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
    std::env::var("EMS_TEST_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(12)
}

#[test]
fn a_plot_has_at_most_as_many_points_as_there_is_room_for_and_not_many_less() {
    let mut bench = Bench::new();
    bench.insert(&(0..300).map(|seq| sample(seq, seq.cast_signed() * 40_000)).collect::<Vec<_>>());
    for (span, width, step, source) in [
        (10_000, 1_000, 1_000, "raw"),
        (86_400_000, 1_000, 87_000, "raw"),
        (7 * 86_400_000, 1_000, 660_000, "minute"),
        (30 * 86_400_000, 1_000, 44 * 60_000, "minute"),
        (365 * 86_400_000_i64, 1_000, 9 * HOUR_MS, "hour"),
        (86_400_000, 10_000, 9_000, "raw"),
    ] {
        let two = bench.series(START + 1, START + span, Resolution::Width(2));
        assert!((START + span).div_euclid(two.step) - (START + 1).div_euclid(two.step) <= 1);
        for from in [START, START + 1, START - 123_456_789] {
            let found = bench.series(from, from + span, Resolution::Width(width));
            let buckets = (from + span).div_euclid(found.step) - from.div_euclid(found.step) + 1;
            assert!(buckets <= width, "{buckets} of {width}");
            assert!(found.step <= 2 * step && found.step >= step, "{span}: {}", found.step);
            if from == START {
                assert_eq!((found.step, found.source.name()), (step, source), "{span}");
            }
        }
    }
}

#[test]
fn a_step_that_is_asked_for_is_widened_to_what_roll_ups_can_do() {
    let mut bench = Bench::new();
    bench.insert(&(0..300).map(|seq| sample(seq, seq.cast_signed() * 40_000)).collect::<Vec<_>>());
    for (asked, step, source) in [
        (1, 1_000, "raw"),
        (119_000, 119_000, "raw"),
        (121_000, 180_000, "minute"),
        (1_801_000, 1_860_000, "minute"),
        (2 * HOUR_MS, 2 * HOUR_MS, "hour"),
        (2 * HOUR_MS + 60_000, 3 * HOUR_MS, "hour"),
    ] {
        let found = bench.series(START, START + 10 * HOUR_MS, Resolution::Step(asked));
        assert_eq!((found.step, found.source.name()), (step, source), "{asked}");
    }
}

fn removed(bench: &Bench, keep: &Keep, now: i64) {
    let mut steps = 0;
    while retention::is_due(&bench.db, keep, now).unwrap() {
        assert!(retention::remove(&bench.db, keep, now).unwrap() > 0);
        steps += 1;
    }
    assert!(steps > 0);
}

#[test]
fn what_is_too_old_goes_kind_by_kind_and_what_is_left_is_still_right() {
    let mut bench = Bench::new();
    let day = |seq: u64| sample(seq, seq.cast_signed() * 10_000);
    bench.insert(&(0..3_000).map(day).collect::<Vec<_>>());
    bench.seal_all();
    let span = (START, START + 9 * HOUR_MS);
    let by_hour = bench.series(span.0, span.1, Resolution::Step(HOUR_MS));
    let by_minute = bench.series(span.0, span.1, Resolution::Step(600_000));
    let now = bench.received + 1_000;
    let compare = |found: &Series, expected: &Series| {
        assert_eq!(found.buckets.len(), expected.buckets.len());
        for (found, expected) in found.buckets.iter().zip(&expected.buckets) {
            assert_eq!((found.at, found.rollup.samples), (expected.at, expected.rollup.samples));
            assert_eq!(found.rollup.stats[0], expected.rollup.stats[0]);
            near(found.rollup.energy.charged, expected.rollup.energy.charged);
        }
    };
    removed(&bench, &Keep { samples: Some(500), ..Keep::default() }, now);
    assert_eq!(samples::range(&bench.db, DEVICE, &id(), span.0, span.1, 10).unwrap().samples.len(), 0);
    assert_eq!(samples::latest(&bench.db, DEVICE, &id()).unwrap(), None);
    let raw = bench.series(span.0, span.1, Resolution::Step(7_000));
    assert_eq!((raw.step, raw.source.name()), (60_000, "minute"));
    compare(&bench.series(span.0, span.1, Resolution::Step(600_000)), &by_minute);
    compare(&bench.series(span.0, span.1, Resolution::Step(HOUR_MS)), &by_hour);

    // A sample that comes after that joins the roll-ups, as a row and when it is sealed.
    bench.insert(&[sample(5_000, 1_234_567)]);
    for _ in 0..2 {
        let found = bench.series(span.0, span.1, Resolution::Step(600_000));
        let (late, before) = (&found.buckets[2].rollup, &by_minute.buckets[2].rollup);
        assert_eq!((late.samples, late.stats[0].count), (before.samples + 1, before.stats[0].count + 1));
        near(late.energy.charged, before.energy.charged);
        let hour = &bench.series(span.0, span.1, Resolution::Step(HOUR_MS)).buckets[0].rollup;
        assert_eq!(hour.samples, by_hour.buckets[0].rollup.samples + 1);
        bench.seal_all();
    }
    let now = bench.received + 1_000;
    removed(&bench, &Keep { samples: Some(500), minutes: Some(500), ..Keep::default() }, now);
    let left = bench.series(span.0, span.1, Resolution::Step(600_000));
    assert_eq!((left.step, left.source.name()), (HOUR_MS, "hour"));
    assert_eq!(left.buckets.len(), by_hour.buckets.len());
    removed(
        &bench,
        &Keep { samples: Some(500), minutes: Some(500), hours: Some(500), ..Keep::default() },
        now,
    );
    assert!(bench.series(span.0, span.1, Resolution::Step(HOUR_MS)).buckets.is_empty());
}

#[test]
fn samples_that_come_late_again_and_again_join_what_is_left_of_their_hour() {
    for (keep, unit) in [
        (Keep { samples: Some(500), ..Keep::default() }, 60_000),
        (Keep { samples: Some(500), minutes: Some(500), ..Keep::default() }, HOUR_MS),
    ] {
        let mut bench = Bench::new();
        bench.insert(&(0..700).map(|seq| sample(seq, seq.cast_signed() * 5_000)).collect::<Vec<_>>());
        bench.seal_all();
        removed(&bench, &keep, bench.received + 1_000);
        let span = (START, START + HOUR_MS - 1);
        for late in 1..=4_u64 {
            let at = late.cast_signed() * 777_777;
            let fresh = sample(10_000 + late, at);
            bench.insert(std::slice::from_ref(&fresh));
            let answers = |bench: &Bench| {
                let plot = |step| bench.series(span.0, span.1, Resolution::Step(step));
                [plot(1_000), plot(60_000), plot(HOUR_MS)]
            };
            let before = answers(&bench);
            bench.seal_all();
            let after = answers(&bench);
            for (before, after) in before.iter().zip(&after) {
                let samples: u32 = after.buckets.iter().map(|bucket| bucket.rollup.samples).sum();
                assert_eq!(u64::from(samples), 700 + late, "step {}", after.step);
                assert_eq!((before.step, before.source), (after.step, after.source));
                assert_eq!(before.buckets.len(), after.buckets.len());
                for (before, after) in before.buckets.iter().zip(&after.buckets) {
                    let stats = |bucket: &Bucket| format!("{:?}", (bucket.at, bucket.rollup.stats));
                    // Of a field without values they are NaN, which is not equal to itself.
                    assert_eq!(stats(before), stats(after));
                    near(before.rollup.energy.charged, after.rollup.energy.charged);
                    assert_eq!(before.rollup.energy.covered, after.rollup.energy.covered);
                }
            }
            assert_eq!(after[0].step, unit, "what is gone does not come back with one late sample");
        }
    }
}

#[test]
fn an_export_keeps_its_step_while_samples_are_removed() {
    let mut bench = Bench::new();
    bench.insert(&(0..6_000).map(|seq| sample(seq, seq.cast_signed() * 10_000)).collect::<Vec<_>>());
    bench.seal_all();
    let span = (START, START + 20 * HOUR_MS);
    let mut windows = Windows::new(&bench.db, DEVICE, span, Resolution::Step(30_000)).unwrap();
    let mut found = windows.next(&bench.db).unwrap().unwrap();
    removed(&bench, &Keep { samples: Some(500), ..Keep::default() }, bench.received + 1_000);
    while let Some(buckets) = windows.next(&bench.db).unwrap() {
        found.extend(buckets);
    }
    assert!(found.windows(2).all(|pair| pair[0].at < pair[1].at));
    assert!(found.iter().all(|bucket| bucket.at % 30_000 == 0));
    assert!(found.windows(2).any(|pair| pair[1].at - pair[0].at == 30_000));
    assert_eq!(found.iter().map(|bucket| bucket.rollup.samples).sum::<u32>(), 6_000);
}

#[test]
fn pages_go_on_where_they_were_whatever_is_packed_between_them_and_however_many_are_of_one_time() {
    let mut bench = Bench::new();
    let mut numbers = 0..;
    let mut insert = |bench: &mut Bench, times: &[i64]| {
        let samples: Vec<_> = times.iter().zip(&mut numbers).map(|(at, seq)| sample(seq, *at)).collect();
        bench.insert(&samples);
    };
    // A clock that stands still, then goes on, and samples beside those that are packed.
    insert(&mut bench, &[5_000; 40]);
    bench.seal_all();
    insert(&mut bench, &[5_000; 60]);
    insert(&mut bench, &[4_000, 6_000, 6_000, 4_000_000, 4_000_000]);
    for steps in [0, 1, 2, 3] {
        let (mut found, mut cursor) = (Vec::new(), Cursor::before(START));
        loop {
            let (page, next) = samples::page(&bench.db, DEVICE, &id(), cursor, i64::MAX, 7).unwrap();
            found.extend(page);
            for _ in 0..steps {
                bench.step();
            }
            let Some(next) = next else { break };
            cursor = next;
        }
        assert!(found.iter().eq(bench.model.iter().map(|sample| &sample.stored)), "{steps}");
        insert(&mut bench, &[5_000; 30]);
    }
}

#[test]
fn the_room_of_what_was_removed_is_used_again() {
    let mut bench = Bench::new();
    let pages =
        |bench: &Bench| -> i64 { bench.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap() };
    let mut sizes = Vec::new();
    for round in 0..4 {
        let first = round * 4_000;
        let day = |seq: u64| {
            let sample = sample(seq, seq.cast_signed() * 5_000);
            Telemetry { boot_id: Some("b".into()), ..sample }
        };
        bench.insert(&(first..first + 4_000).map(day).collect::<Vec<_>>());
        bench.seal_all();
        removed(
            &bench,
            &Keep { samples: Some(0), minutes: Some(0), hours: Some(0), ..Keep::default() },
            bench.received + 1,
        );
        sizes.push(pages(&bench));
    }
    assert!(sizes[3] <= sizes[0] + 8, "{sizes:?}");
}

#[test]
fn an_hour_that_is_too_large_stays_as_rows_and_is_removed_as_such() {
    let mut bench = Bench::new();
    let large = |seq: u64| {
        let mut sample = sample(seq, seq.cast_signed() * 1_000);
        sample.extra.insert("padding".into(), "x".repeat(200_000).into());
        sample
    };
    bench.insert(&(0..100).map(large).collect::<Vec<_>>());
    let hour = bench.due()[0];
    assert!(matches!(sealing::prepare(&bench.db, hour, i64::MAX).unwrap(), Plan::Leave));
    assert_eq!(bench.series(START, START + HOUR_MS, Resolution::Step(60_000)).buckets.len(), 2);
    let keep = Keep { samples: Some(50), ..Keep::default() };
    assert_eq!(retention::remove_rows(&bench.db, hour, &keep, bench.received).unwrap(), 83);
    assert_eq!(bench.rows(), 17);
    assert!(matches!(sealing::prepare(&bench.db, hour, i64::MAX).unwrap(), Plan::Seal(_)));
}

#[test]
fn texts_that_come_late_again_and_again_do_not_grow_a_block_without_bound() {
    let mut bench = Bench::new();
    let padded = |seq: u64| {
        let mut sample = sample(seq, seq.cast_signed() * 1_000);
        sample.extra.insert("padding".into(), format!("{seq}{}", "x".repeat(200_000)).into());
        sample
    };
    for round in 0..2 {
        bench.insert(&(round * 50..round * 50 + 50).map(padded).collect::<Vec<_>>());
        let plan = sealing::prepare(&bench.db, bench.due()[0], i64::MAX).unwrap();
        assert_eq!(matches!(plan, Plan::Leave), round == 1, "{plan:?}");
        if round == 0 {
            bench.seal_all();
        }
    }
    // They are rows, and in every answer.
    bench.check_pages();
    bench.check_series((START, START + HOUR_MS), 60_000);
}

#[test]
fn an_hour_waits_for_samples_that_are_still_arriving_but_not_for_ever() {
    let mut bench = Bench::new();
    bench.insert(&(0..10).map(|seq| sample(seq, seq.cast_signed() * 1_000)).collect::<Vec<_>>());
    let (hour, newest) = (bench.due()[0], bench.received);
    let plan = |quiet| sealing::prepare(&bench.db, hour, quiet).unwrap();
    assert!(matches!(plan(newest - 1), Plan::Wait));
    assert!(matches!(plan(newest), Plan::Seal(_)));
    // The device goes on with this hour for more than an hour.
    bench.received += 2 * HOUR_MS;
    bench.insert(&[sample(10, 10_000)]);
    assert!(matches!(sealing::prepare(&bench.db, hour, bench.received - 1).unwrap(), Plan::Seal(_)));
    // What is not over yet is not due.
    let end = super::hour::end_of(hour.hour);
    let due = |before, first, limit| sealing::due(&bench.db, DEVICE, first, before, limit).unwrap();
    assert_eq!(due(end, 0, 9), []);
    assert_eq!(due(end + 1, 0, 9), [hour]);
    assert_eq!(due(end + 1, hour.hour + 1, 9), []);
    assert_eq!(due(end + 1, 0, 0), []);
}

#[test]
fn an_hour_that_still_grows_or_is_too_large_is_not_read_to_find_that_out() {
    let mut bench = Bench::new();
    bench.insert(&(0..10).map(|seq| sample(seq, seq.cast_signed() * 1_000)).collect::<Vec<_>>());
    let (hour, newest) = (bench.due()[0], bench.received);
    let read = |bench: &Bench| {
        let query = bench.db.prepare_cached(&sealing::rows_query()).unwrap();
        query.get_status(StatementStatus::Run)
    };
    for _ in 0..3 {
        assert!(matches!(sealing::prepare(&bench.db, hour, newest - 1).unwrap(), Plan::Wait));
    }
    assert_eq!(read(&bench), 0, "while it grows");
    assert!(matches!(sealing::prepare(&bench.db, hour, newest).unwrap(), Plan::Seal(_)));
    assert_eq!(read(&bench), 1, "to be sealed");
    let copies = "WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < ?) \
        INSERT INTO samples (device, at, received_at) SELECT ?, ?, ? FROM n";
    bench.db.execute(copies, (super::hour::MAX_SAMPLES, DEVICE, START, newest)).unwrap();
    assert!(matches!(sealing::prepare(&bench.db, hour, newest).unwrap(), Plan::Leave));
    assert_eq!(read(&bench), 1, "when it is too large");
}

#[test]
fn a_file_of_the_version_before_is_taken_over_and_its_rows_are_packed_by_and_by() {
    let dir = tempfile::tempdir().unwrap();
    schema::open_version(&dir.path().join("ems.db"), 3).unwrap();
    let mut bench = Bench { dir, ..Bench::new() };
    // The version before writes the same rows.
    bench.db = Connection::open(bench.dir.path().join("ems.db")).unwrap();
    bench.db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    bench.insert(&(0..400).map(|seq| sample(seq, place(seq))).collect::<Vec<_>>());
    bench.restart();
    bench.check();
    bench.step();
    bench.check();
    bench.seal_all();
    bench.check();
}

fn damage_blocks(bench: &Bench) {
    assert!(bench.db.execute("UPDATE blocks SET samples = x'00'", []).unwrap() > 0);
}

#[test]
fn the_last_packed_sample_is_known_without_its_block_and_goes_with_it() {
    let mut bench = Bench::new();
    bench.insert(&(0..900).map(|seq| sample(seq, place(seq))).collect::<Vec<_>>());
    bench.seal_all();
    assert_eq!(last::missing(&bench.db).unwrap(), []);
    let (earlier, _) = bench.model.split_at(3);
    let late = sample(2_000, earlier[0].at - START + 1);
    bench.insert(&[late]);
    bench.seal_all();
    bench.restart();
    damage_blocks(&bench);
    let latest = || samples::latest(&bench.db, DEVICE, &id()).unwrap();
    assert_eq!(latest().as_ref(), bench.model.last().map(|sample| &sample.stored));
    removed(&bench, &Keep { samples: Some(0), ..Keep::default() }, bench.received + 1);
    assert_eq!(latest(), None);
    let kept: i64 = bench.db.query_row("SELECT count(*) FROM last_samples", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0, "nothing is kept longer than its block");
}

#[test]
fn the_last_samples_of_a_file_of_version_8_are_known_at_once_and_after_a_while_without_its_blocks() {
    let mut bench = Bench::new();
    bench.insert(&(0..900).map(|seq| sample(seq, place(seq))).collect::<Vec<_>>());
    bench.seal_all();
    let back = "DROP TRIGGER block_removed; DROP TABLE last_samples; PRAGMA user_version = 8";
    bench.db.execute_batch(back).unwrap();
    bench.restart();
    bench.check();
    let missing = last::missing(&bench.db).unwrap();
    let last = bench.model.last().unwrap();
    assert_eq!(missing, [DeviceHour { device: DEVICE, hour: last.at.div_euclid(HOUR_MS) }]);
    let packed = last::of_block(&bench.db, missing[0]).unwrap().unwrap();
    last::note(&bench.db, missing[0], &packed).unwrap();
    assert_eq!(last::missing(&bench.db).unwrap(), []);
    damage_blocks(&bench);
    assert_eq!(samples::latest(&bench.db, DEVICE, &id()).unwrap().unwrap(), last.stored);
}

#[test]
fn a_plot_over_damaged_hours_has_all_the_others_and_says_which_they_are() {
    let mut bench = Bench::new();
    bench.insert(&(0..3_000).map(|seq| sample(seq, seq.cast_signed() * 10_000)).collect::<Vec<_>>());
    bench.seal_all();
    let first = START.div_euclid(HOUR_MS);
    let plot = |step| bench.series(START, START + 8 * HOUR_MS - 1, Resolution::Step(step));
    let counts = |series: &Series| -> BTreeMap<i64, u32> {
        let mut counts = BTreeMap::new();
        for bucket in &series.buckets {
            *counts.entry(bucket.at.div_euclid(HOUR_MS) - first).or_default() += bucket.rollup.samples;
        }
        counts
    };
    let whole = [10_000, 300_000, HOUR_MS].map(plot);
    let damage = |table: &str, column: &str, hour: i64| {
        let damage = format!("UPDATE {table} SET {column} = x'00' WHERE hour = ?");
        assert_eq!(bench.db.execute(&damage, [first + hour]).unwrap(), 1);
    };
    // Of the hours 2 and 5 samples are needed for a fine step only; the roll-ups of 3 and 6 are made of them anew.
    damage("blocks", "samples", 2);
    damage("hours", "rollup", 3);
    damage("minutes", "rollups", 3);
    damage("minutes", "rollups", 6);
    for (table, column) in [("blocks", "samples"), ("minutes", "rollups"), ("hours", "rollup")] {
        damage(table, column, 5);
    }
    for (whole, missing) in whole.iter().zip([vec![2, 5], vec![5], vec![5]]) {
        let found = plot(whole.step);
        let hours: Vec<i64> = found.damaged.iter().map(|damaged| damaged.hour - first).collect();
        assert_eq!(hours, missing, "step {}", whole.step);
        assert!(found.damaged.iter().all(|damaged| damaged.reason.contains("restore a backup")));
        let mut expected = counts(whole);
        expected.retain(|hour, _| !missing.contains(hour));
        assert_eq!(counts(&found), expected, "step {}", whole.step);
    }
    let mut windows =
        Windows::new(&bench.db, DEVICE, (START, START + 8 * HOUR_MS), Resolution::Step(300_000)).unwrap();
    let export = std::iter::from_fn(|| windows.next(&bench.db).transpose()).find_map(Result::err);
    assert!(export.is_some(), "a file does not pass over it");
}
