//! What is too old, and what is left then.

use ems_protocol::Telemetry;

use super::bench::{Bench, near, removed};
use super::sample::{DEVICE, START, id, sample};
use crate::store::history::HOUR_MS;
use crate::store::history::buckets::Bucket;
use crate::store::history::query::{Resolution, Series};
use crate::store::history::retention::Keep;
use crate::store::samples;

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
