//! How well an estimate follows the truth.

use std::time::Duration;

use ems_edge::battery::{Setup, StateOfCharge};
use ems_simulator::Row;

/// What became of one trace.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    /// Root mean square error, %.
    pub(crate) rmse: f64,
    /// Largest error, %.
    pub(crate) worst: f64,
    /// Of the rows, the share in % whose interval holds the truth.
    pub(crate) inside: f64,
    /// Mean full width of the interval, %.
    pub(crate) width: f64,
    /// Root mean square error of plain coulomb counting from the same start, %.
    pub(crate) counting: f64,
    /// Root mean square error after the first full sync, if there was one.
    pub(crate) synced: Option<f64>,
    /// The furthest that the truth was outside of the interval, %.
    pub(crate) outside: f64,
}

/// Estimates a trace: `warm` from a stored state of charge that is 2 % too high.
pub(crate) fn score(setup: &Setup, rows: impl Iterator<Item = Row>, warm: bool) -> Score {
    let mut estimator = StateOfCharge::new(*setup);
    let (mut score, mut n, mut synced, mut last) = (Score::default(), 0.0, (0.0, 0.0), None);
    let mut counted = 0.0;
    for row in rows {
        let Row { seconds, volts, amps, soc } = row;
        let (before, from) = last.replace((seconds, amps)).map_or((seconds, amps), |last| last);
        if n == 0.0 {
            counted = soc + 2.0;
            if warm {
                estimator.start_at((soc + 2.0).min(100.0));
            }
        }
        let dt = seconds - before;
        counted = (counted + 0.5 * (from + amps) * dt / 36.0 / setup.pack.capacity_ah).clamp(0.0, 100.0);
        let estimate = estimator.update(volts, amps, Duration::from_secs_f64(dt));
        let error = estimate.soc - soc;
        n += 1.0;
        score.rmse += error * error;
        score.counting += (counted - soc).powi(2);
        score.worst = score.worst.max(error.abs());
        score.width += estimate.high - estimate.low;
        let outside = (estimate.low - soc).max(soc - estimate.high).max(0.0);
        score.outside = score.outside.max(outside);
        // The truth of the traces is rounded to 0.01 %.
        score.inside += if outside <= 0.005 { 100.0 } else { 0.0 };
        if estimate.synced {
            synced = (synced.0 + error * error, synced.1 + 1.0);
        }
    }
    score.rmse = (score.rmse / n).sqrt();
    score.counting = (score.counting / n).sqrt();
    score.width /= n;
    score.inside /= n;
    score.synced = (synced.1 > 0.0).then(|| (synced.0 / synced.1).sqrt());
    score
}
