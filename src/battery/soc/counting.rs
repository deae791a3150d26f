//! Charge that is counted: by the current and the time, or by the chip.

use super::StateOfCharge;
use crate::battery::{Chemistry, Setup};

/// No battery gives more on the mean, as a multiple of the capacity per hour; readings come that much early or late, in h;
/// and after so many h a chip's count may have gone round.
const MOST_COUNTED_C_RATE: f64 = 10.0;
const JITTER_HOURS: f64 = 1.0 / 3600.0;
const COUNTED_HOURS: f64 = 240.0;
/// Gas from a lead-acid battery that is charged at 2.40 V a cell, in % of the capacity per hour; and the voltage that
/// makes it e times as much.
const GASSING: (f64, f64, f64) = (1.4, 2.40, 0.25);
/// Time constant of the pack's usual current, in h.
const USUAL_HOURS: f64 = 12.0;

impl StateOfCharge {
    /// Whether a battery may have given the `ah` that a chip has counted up to a reading `seconds` after the last.
    pub(in crate::battery) fn believes(&self, ah: f64, seconds: f64) -> bool {
        self.believed(ah, self.unseen + seconds).is_some()
    }

    /// The charge in % of the label that a chip's count of `ah` in `seconds` means, unless no battery gives so much or
    /// the chip may have counted round.
    pub(super) fn believed(&self, ah: f64, seconds: f64) -> Option<f64> {
        let Setup { pack, standby_amps, .. } = self.setup;
        let hours = seconds / 3600.0;
        let possible = ah.abs() <= MOST_COUNTED_C_RATE * pack.capacity_ah * (hours + JITTER_HOURS);
        (possible && hours <= COUNTED_HOURS).then(|| (ah - standby_amps * hours) / pack.capacity_ah * 100.0)
    }

    /// Counts a current of `c_rate` that has brought `percent` of the label in `seconds`.
    pub(super) fn count(&mut self, cell_volts: f64, percent: f64, c_rate: f64, seconds: f64) {
        let hours = seconds / 3600.0;
        self.pending.0 += percent;
        self.pending.1 += hours;
        if self.setup.pack.chemistry == Chemistry::LeadAcid && percent > 0.0 {
            let (rate, volts, scale) = GASSING;
            let rate = rate * ((cell_volts - volts).min(0.3) / scale).exp();
            self.pending.2 += rate * hours;
        }
        self.usual += (c_rate.abs() - self.usual) * hours / (hours + USUAL_HOURS);
    }
}
