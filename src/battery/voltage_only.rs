//! State of charge where no current is measured: read off the voltage, with an interval as wide as that is blind.

use std::time::Duration;

use super::ocv::{soc_range, voltage_range};
use super::{Chemistry, Estimate, Pack};

/// Time constant of the average, in s.
const AVERAGE_SECONDS: f64 = 60.0;
/// The current that may flow unseen, as a multiple of the capacity per hour.
const UNSEEN_C_RATE: f64 = 0.5;
/// What can flow while nothing is measured, in % of the capacity per hour.
const GAP_PERCENT_PER_HOUR: f64 = 50.0;
/// Nothing here is known better than this, in %.
const MIN_WIDTH: f64 = 5.0;

/// The estimator of a pack without a current.
#[derive(Debug, Clone)]
pub(super) struct VoltageOnly {
    pack: Pack,
    cell_volts: Option<f64>,
    estimate: Estimate,
}

impl VoltageOnly {
    pub(super) fn new(pack: Pack) -> Self {
        let estimate = Estimate { soc: 50.0, low: 0.0, high: 100.0, synced: false };
        Self { pack, cell_volts: None, estimate }
    }

    /// Takes the pack's `voltage` in V, `dt` after the last.
    pub(super) fn update(&mut self, voltage: f64, dt: Duration) -> Estimate {
        let Some(cell_volts) = plausible_cell_volts(&self.pack, voltage) else { return self.gap(dt) };
        let mean = self.cell_volts.unwrap_or(cell_volts);
        let cell_volts = mean + (cell_volts - mean) * (1.0 - (-dt.as_secs_f64() / AVERAGE_SECONDS).exp());
        self.cell_volts = Some(cell_volts);
        let (rest, at_1_c) = polarisation(self.pack.chemistry);
        let unseen = UNSEEN_C_RATE * at_1_c + rest;
        let (low, high) = soc_range(self.pack.chemistry, cell_volts - unseen, cell_volts + unseen);
        let (least, most) = soc_range(self.pack.chemistry, cell_volts, cell_volts);
        self.set(f64::midpoint(least, most), low, high);
        self.estimate
    }

    /// Takes note that nothing was measured for `dt`: the interval widens, the middle stays.
    pub(super) fn gap(&mut self, dt: Duration) -> Estimate {
        let unseen = GAP_PERCENT_PER_HOUR * dt.as_secs_f64() / 3600.0;
        self.set(self.estimate.soc, self.estimate.low - unseen, self.estimate.high + unseen);
        self.estimate
    }

    pub(super) fn estimate(&self) -> Estimate {
        self.estimate
    }

    fn set(&mut self, soc: f64, low: f64, high: f64) {
        let high = high.clamp(MIN_WIDTH, 100.0);
        let low = low.clamp(0.0, high - MIN_WIDTH);
        let high = high.max(low + MIN_WIDTH);
        self.estimate = Estimate { soc: soc.clamp(low, high), low, high, synced: false };
    }
}

/// `None` for what is no voltage of this pack: half of an empty cell's, or 1.3 times a charging one's.
pub(super) fn plausible_cell_volts(pack: &Pack, voltage: f64) -> Option<f64> {
    let cell_volts = voltage / f64::from(pack.cells_series);
    let (empty, _) = voltage_range(pack.chemistry);
    let limits = empty / 2.0..=pack.chemistry.max_cell_volts() * 1.3;
    limits.contains(&cell_volts).then_some(cell_volts)
}

/// How far the voltage of a cell is from that at rest, at most: without a current, and with one of one capacity per
/// hour, cold and aged cells included, in V.
fn polarisation(chemistry: Chemistry) -> (f64, f64) {
    match chemistry {
        Chemistry::Lfp => (0.030, 0.30),
        Chemistry::Nmc => (0.060, 0.50),
        Chemistry::LeadAcid => (0.120, 0.60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voltage_alone_speaks_and_the_interval_is_wide() {
        let pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };
        let mut estimator = VoltageOnly::new(pack);
        let low = estimator.update(16.0 * 3.0, Duration::from_secs(1));
        let mut high = low;
        for _ in 0..600 {
            high = estimator.update(16.0 * 3.4, Duration::from_secs(1));
        }
        assert!(low.high - low.low > 15.0 && high.high - high.low > 50.0, "{low:?} {high:?}");
        assert!(high.soc > low.soc, "{low:?} {high:?}");
    }
}
