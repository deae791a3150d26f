//! What was sent, what arrived, and how late.

use std::time::Duration;

use serde::Serialize;

/// Times from the sending of samples to their arrival.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<f32>);

/// Some of them, in ms.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f32() * 1e3);
    }

    /// Forgets them.
    pub(crate) fn percentiles(&mut self) -> Percentiles {
        let mut all = std::mem::take(&mut self.0);
        all.sort_by(f32::total_cmp);
        let at = |numerator: usize, denominator: usize| {
            let place = (all.len() * numerator / denominator).min(all.len().saturating_sub(1));
            let value = f64::from(all.get(place).copied().unwrap_or_default());
            (value * 1e3).round() / 1e3
        };
        Percentiles { count: all.len(), p50_ms: at(1, 2), p99_ms: at(99, 100), max_ms: at(1, 1) }
    }
}
