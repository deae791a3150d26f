//! Random packs in use for days. Others, more of them, and for longer: `SOC_FIRST=1001 SOC_PACKS=2000 SOC_DAYS=2 cargo test
//! --release --test soc -- --nocapture weeks`.

use std::sync::atomic::{AtomicU64, Ordering};

use ems_edge::battery::Chemistry;
use ems_simulator::Trace;

use crate::random_pack::{RandomPack, random_pack, rare_pack};
use crate::score::{Score, score};

/// A number from the environment.
pub(crate) fn setting(name: &str, otherwise: f64) -> f64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

fn percentiles(what: &str, scores: &[(Score, Score)], of: impl Fn(&(Score, Score)) -> f64) {
    let mut values: Vec<f64> = scores.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    println!(
        "{what:14} mean {mean:6.2}   5 % {:6.2}   50 % {:6.2}   90 % {:6.2}   95 % {:6.2}   99 % {:6.2}   most {:6.2}",
        at(0.05),
        at(0.5),
        at(0.9),
        at(0.95),
        at(0.99),
        at(1.0)
    );
}

fn mean(scores: &[(Score, Score)], of: impl Fn(&(Score, Score)) -> f64) -> f64 {
    scores.iter().map(of).sum::<f64>() / scores.len() as f64
}

/// The truth of a trace is rounded to 0.01 %.
const OUTSIDE: f64 = 0.005;

/// Warm and cold, of the packs with these numbers.
fn scores(seeds: std::ops::Range<u64>, days: f64) -> Vec<(Score, Score)> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut scores = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return scores;
            }
            scores.push(scored(&random_pack(seed), seed, days));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
            .map(|_| scope.spawn(work))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn scored(pack: &RandomPack, seed: u64, days: f64) -> (Score, Score) {
    let rows = Trace::new(pack.installation.clone(), seed).take_while(|row| row.seconds < days * 86_400.0);
    let warm = score(&pack.setup, rows.clone(), true);
    let cold = score(&pack.setup, rows, false);
    if warm.outside.max(cold.outside) > OUTSIDE {
        println!(
            "{}: inside {:.2} % and {:.2} %, outside by up to {:.2} % and {:.2} %, width {:.1} and {:.1}",
            pack.name, warm.inside, cold.inside, warm.outside, cold.outside, warm.width, cold.width
        );
    }
    assert!(warm.outside.max(cold.outside) < 10.0, "{}: {warm:?} {cold:?}", pack.name);
    (warm, cold)
}

#[test]
fn the_interval_holds_the_truth_of_random_packs_whose_errors_are_within_the_sensors_specification() {
    let optimised = !cfg!(debug_assertions);
    let packs = setting("SOC_PACKS", if optimised { 120.0 } else { 24.0 });
    let days = setting("SOC_DAYS", if optimised { 7.0 } else { 1.0 });
    let first = setting("SOC_FIRST", 1.0) as u64;
    let scores = scores(first..first + packs as u64, days);
    let beyond = scores.iter().filter(|(warm, cold)| warm.inside.min(cold.inside) < 95.0).count();
    let ever = |of: fn(&(Score, Score)) -> f64| scores.iter().filter(|score| of(score) > OUTSIDE).count();
    println!(
        "{} warm and {} cold are outside for at least one row",
        ever(|s| s.0.outside),
        ever(|s| s.1.outside)
    );
    percentiles("warm RMSE", &scores, |s| s.0.rmse);
    percentiles("  counting", &scores, |s| s.0.counting);
    percentiles("  inside", &scores, |s| s.0.inside);
    percentiles("  width", &scores, |s| s.0.width);
    percentiles("  worst error", &scores, |s| s.0.worst);
    percentiles("cold RMSE", &scores, |s| s.1.rmse);
    percentiles("  inside", &scores, |s| s.1.inside);
    percentiles("  width", &scores, |s| s.1.width);
    println!("{beyond} of {} packs have the truth inside in less than 95 % of the rows", scores.len());
    assert!(mean(&scores, |s| s.0.rmse) <= 2.0 && mean(&scores, |s| s.1.rmse) <= 5.0);
    assert!(mean(&scores, |s| s.0.width) <= 14.0);
    assert!(mean(&scores, |s| s.0.inside.min(s.1.inside)) >= 99.5);
    assert_eq!(beyond, 0);
    // Of the packs that run by default none is ever outside.
    let outside = ever(|s| s.0.outside.max(s.1.outside));
    assert!(outside as f64 <= 0.001 * packs, "{outside} of {packs}");
}

#[test]
fn a_cell_that_few_are_like_is_within_the_interval_for_nearly_always() {
    for seed in 1..=if cfg!(debug_assertions) { 6 } else { 30 } {
        let pack = rare_pack(seed, Chemistry::Nmc);
        let (warm, cold) = scored(&pack, seed, 1.0);
        assert!(warm.inside.min(cold.inside) >= 95.0, "{}: {warm:?} {cold:?}", pack.name);
    }
}
