//! How the pack's voltage answers to steps of its current: what tells a shunt that is wrong, or connected the wrong
//! way round, from one that is right.
//!
//! More charging current lifts the voltage by the pack's resistance, within a second and whatever the state of charge.
//! A voltage that falls instead says that the sign is wrong; a resistance that no pack of this size has, that the
//! shunt is.

use serde::{Deserialize, Serialize};

use super::Pack;

/// Steps from one reading to the next, summed up; old ones fade.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StepResponse {
    last: Option<(f64, f64)>,
    steps: u32,
    sum_ii: f64,
    sum_vv: f64,
    sum_vi: f64,
}

/// What the steps say of the wiring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Response {
    /// The current has not changed enough to tell.
    Unknown,
    /// A resistance that such a pack can have.
    Plausible {
        /// Of the whole pack and its cables, in Ω.
        ohms: f64,
    },
    /// The voltage falls when the current charges more.
    Reversed,
    /// So small a resistance that the current must be less than what is read.
    AmpsTooHigh {
        /// In Ω.
        ohms: f64,
    },
    /// So large a resistance that the current must be more than what is read.
    AmpsTooLow {
        /// In Ω.
        ohms: f64,
    },
}

/// Fewer steps than this say nothing.
const ENOUGH: u32 = 5;
/// A step of the current counts from this part of the capacity on, in A for each Ah.
const STEP_C: f64 = 0.02;
/// A step of the voltage counts from here on, in V a cell: the current must have changed with it.
const STEP_CELL_VOLTS: f64 = 8e-3;
/// The part of the voltage's steps that the current's explain, below which nothing is concluded (r²).
const EXPLAINED: f64 = 0.5;
/// How much of the sums is left after each further step.
const FADE: f64 = 0.99;
/// Resistance of a cell times its capacity, in Ω·Ah, with its share of the cables: good cells of any chemistry have
/// 0.05 to 0.3, worn ones up to 1. The limits leave a factor of 3 and more.
const CELL_OHM_AH: std::ops::RangeInclusive<f64> = 0.012..=3.0;

impl StepResponse {
    /// A reading in V and A, + = charging, about a second after the last; `None` is a gap.
    pub fn note(&mut self, reading: Option<(f64, f64)>, pack: &Pack) {
        let Some((volts, amps)) = reading else {
            self.last = None;
            return;
        };
        if !(volts.is_finite() && pack.can_give(amps)) {
            self.last = None;
            return;
        }
        let Some((last_volts, last_amps)) = self.last.replace((volts, amps)) else { return };
        let (v, i) = (volts - last_volts, amps - last_amps);
        let cells = f64::from(pack.cells_series);
        if i.abs() < STEP_C * pack.capacity_ah && v.abs() < STEP_CELL_VOLTS * cells {
            return;
        }
        self.steps = self.steps.saturating_add(1);
        self.sum_ii = self.sum_ii * FADE + i * i;
        self.sum_vv = self.sum_vv * FADE + v * v;
        self.sum_vi = self.sum_vi * FADE + v * i;
    }

    /// What is known by now.
    pub fn judge(&self, pack: &Pack) -> Response {
        let explained = self.sum_vi * self.sum_vi / (self.sum_ii * self.sum_vv);
        // Without any step of one of the two this is no number.
        if self.steps < ENOUGH || explained.is_nan() || explained < EXPLAINED {
            return Response::Unknown;
        }
        let ohms = self.sum_vi / self.sum_ii;
        let cell = ohms / f64::from(pack.cells_series) * pack.capacity_ah;
        if ohms < 0.0 {
            Response::Reversed
        } else if cell < *CELL_OHM_AH.start() {
            Response::AmpsTooHigh { ohms }
        } else if cell > *CELL_OHM_AH.end() {
            Response::AmpsTooLow { ohms }
        } else {
            Response::Plausible { ohms }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::Chemistry;

    const PACK: Pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };

    /// A pack of 20 mΩ whose current changes by `step` A, read with the current times `factor`.
    fn judged(step: f64, factor: f64) -> Response {
        let mut response = StepResponse::default();
        for second in 0..40 {
            let amps = if second / 2 % 2 == 0 { 5.0 } else { 5.0 + step };
            // The voltage drifts as well, and the last digit is noise.
            let volts = 53.0 + 0.02 * amps + 1e-4 * f64::from(second) + 2e-3 * f64::from(second % 3);
            response.note(Some((volts, amps * factor)), &PACK);
        }
        response.judge(&PACK)
    }

    #[test]
    fn a_right_wiring_shows_the_resistance_of_the_pack() {
        let Response::Plausible { ohms } = judged(20.0, 1.0) else { panic!("{:?}", judged(20.0, 1.0)) };
        assert!((ohms - 0.02).abs() < 0.002, "{ohms}");
    }

    #[test]
    fn a_reversed_sign_is_told_from_a_wrong_shunt_in_either_direction() {
        assert_eq!(judged(20.0, -1.0), Response::Reversed);
        assert!(matches!(judged(20.0, 133.0), Response::AmpsTooHigh { .. }));
        assert!(matches!(judged(40.0, 1.0 / 133.0), Response::AmpsTooLow { .. }));
    }

    #[test]
    fn a_current_that_does_not_change_says_nothing() {
        assert_eq!(judged(0.1, 1.0), Response::Unknown);
        assert_eq!(StepResponse::default().judge(&PACK), Response::Unknown);
    }

    #[test]
    fn a_gap_makes_no_step() {
        let mut response = StepResponse::default();
        for second in 0..40 {
            let amps = f64::from(second % 2) * 50.0;
            response.note((second % 2 == 0).then_some((53.0 + amps, amps)), &PACK);
        }
        assert_eq!(response.judge(&PACK), Response::Unknown);
    }
}
