//! How fine a plot is.

use super::bench::{Bench, removed};
use super::sample::{DEVICE, START, id, sample};
use crate::store::history::HOUR_MS;
use crate::store::history::query::{Resolution, Windows};
use crate::store::history::retention::Keep;
use crate::store::samples::{self, Cursor};

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
