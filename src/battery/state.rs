//! The label of what the battery does.

use ems_protocol::State;

use super::Pack;

/// Currents below this are none, in % of the capacity per hour: 0.5 A for 100 Ah.
const DEAD_BAND_PERCENT_PER_HOUR: f64 = 0.5;

/// What the battery does at this current in A, positive while charging; `None` for no finite current.
pub fn state(current: f64, pack: &Pack) -> Option<State> {
    let dead_band = pack.capacity_ah * DEAD_BAND_PERCENT_PER_HOUR / 100.0;
    match current {
        amps if !amps.is_finite() => None,
        amps if amps > dead_band => Some(State::Charging),
        amps if amps < -dead_band => Some(State::Discharging),
        _ => Some(State::Idle),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::Chemistry;

    #[test]
    fn the_sign_of_a_current_beyond_the_dead_band_is_the_state() {
        let pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };
        for (amps, expected) in [
            (0.0, State::Idle),
            (0.5, State::Idle),
            (-0.5, State::Idle),
            (0.51, State::Charging),
            (-0.51, State::Discharging),
            (40.0, State::Charging),
            (-40.0, State::Discharging),
        ] {
            assert_eq!(state(amps, &pack), Some(expected), "{amps} A");
        }
        assert_eq!(state(f64::NAN, &pack), None);
    }
}
