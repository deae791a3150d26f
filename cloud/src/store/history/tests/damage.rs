//! Blocks that cannot be read.

use std::collections::BTreeMap;

use super::bench::{Bench, removed};
use super::sample::{DEVICE, START, id, place, sample};
use crate::store::history::query::{Resolution, Series, Windows};
use crate::store::history::retention::Keep;
use crate::store::history::sealing::DeviceHour;
use crate::store::history::{HOUR_MS, last};
use crate::store::samples;

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
