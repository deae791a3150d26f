//! Which hours are packed, and when.

use rusqlite::{Connection, StatementStatus};

use super::bench::Bench;
use super::sample::{DEVICE, START, place, sample};
use crate::store::history::query::Resolution;
use crate::store::history::retention::{self, Keep};
use crate::store::history::sealing::{self, Plan};
use crate::store::history::{HOUR_MS, hour};
use crate::store::schema;

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
    let end = hour::end_of(hour.hour);
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
    bench.db.execute(copies, (hour::MAX_SAMPLES, DEVICE, START, newest)).unwrap();
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
