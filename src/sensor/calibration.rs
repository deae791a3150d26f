//! What a known voltage or current says of the wiring: pure arithmetic, and the limits of what is believed.

use super::wiring::{CurrentSign, Shunt, Wiring};

/// Resistors and shunts are within a few percent: what differs more is a mistake, not a tolerance.
const TOLERANCE: f64 = 0.2;
/// Every chip measures a voltage better than this; without a divider there is nothing to calibrate.
const CHIP: f64 = 0.02;
/// Less at the pin, in V, is no battery.
const LEAST_PIN_VOLTS: f64 = 0.2;
/// A current must drop this much across the shunt, in V, to be told from the chip's offset: half a percent of it.
const LEAST_SHUNT_VOLTS: f64 = 0.5e-3;
/// The worst offset of the chips that are read, in V, with room for thermoelectric voltages at the shunt.
const MOST_OFFSET_VOLTS: f64 = 0.15e-3;

/// The effective ratio, from what the chip measured and a meter at the pack shows, in V.
///
/// # Errors
/// Why that is not believed, and what to check.
pub fn divider(wiring: &Wiring, measured: f64, known: f64) -> Result<f64, String> {
    let pin = measured / wiring.divider;
    if !(known.is_finite() && known > 0.0) {
        return Err(format!(
            "{known} V is no voltage of a pack: give what the meter shows at the pack's poles"
        ));
    }
    if pin < LEAST_PIN_VOLTS {
        return Err(format!(
            "the chip measures {pin:.3} V at its pin: connect the pack, and check the divider"
        ));
    }
    let ratio = known / pin;
    let deviation = ratio / wiring.divider - 1.0;
    if wiring.is_undivided() && deviation.abs() <= CHIP {
        return Ok(1.0);
    }
    if wiring.is_undivided() || deviation.abs() > TOLERANCE || ratio < 1.0 {
        return Err(format!(
            "the meter shows {known} V where {measured:.3} V were measured with DIVIDER={}, {:+.0} %: check that the \
             meter is at the pack's poles, and set DIVIDER to the ratio of the resistors first (it looks like {ratio:.1})",
            wiring.divider,
            deviation * 100.0
        ));
    }
    Ok(ratio)
}

/// The shunt and the sign, from what was measured and a clamp meter shows in A, + = charging.
///
/// # Errors
/// Why that is not believed, and what to check.
pub fn shunt(wiring: &Wiring, measured: f64, known: f64) -> Result<(Shunt, CurrentSign), String> {
    let now = wiring.shunt;
    let least = LEAST_SHUNT_VOLTS / now.ohms;
    if !known.is_finite() || known.abs() < least || measured.abs() < least / 2.0 {
        return Err(format!(
            "{known} A against {measured:.3} A measured is too little to calibrate with: switch on a load of more than {least:.1} A"
        ));
    }
    let factor = (measured / known).abs();
    if (factor - 1.0).abs() > TOLERANCE {
        return Err(format!(
            "the clamp meter shows {known} A where {measured:.3} A were measured, {factor:.2} times: set SHUNT to what is \
             printed on it first, and clamp one conductor alone",
        ));
    }
    let turned = match wiring.current_sign {
        CurrentSign::Normal => CurrentSign::Inverted,
        CurrentSign::Inverted => CurrentSign::Normal,
    };
    let sign = if measured * known < 0.0 { turned } else { wiring.current_sign };
    Ok((Shunt { ohms: now.ohms * factor, ..now }, sign))
}

/// What the chip shows without a current, in A.
///
/// # Errors
/// If that is more than an offset.
pub fn zero(wiring: &Wiring, measured: f64) -> Result<f64, String> {
    let volts = measured.abs() * wiring.shunt.ohms;
    if volts > MOST_OFFSET_VOLTS {
        return Err(format!(
            "{measured:+.3} A are no offset ({:.3} mV across the shunt): disconnect every load and charger, the Pi's own \
             supply too if it comes from the pack",
            volts * 1e3
        ));
    }
    Ok(measured)
}

impl Shunt {
    /// As it is written in the configuration.
    pub fn text(&self) -> String {
        match self.rated_amps {
            Some(amps) => format!("{amps}A/{:.3}mV", self.ohms * amps * 1e3),
            None => format!("{:.2}uohm", self.ohms * 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SensorKind;
    use super::super::testing::{assert_close, wiring};
    use super::*;

    fn divided(divider: f64) -> Wiring {
        let shunt = Shunt { ohms: 750e-6, rated_amps: Some(100.0) };
        Wiring { shunt, divider, ..wiring(SensorKind::Ina226) }
    }

    #[test]
    fn the_effective_ratio_is_found_from_what_the_meter_shows() {
        // 2:1 of 100 kΩ and 100 kΩ, loaded by the pin's 830 kΩ: 2.1205.
        assert_close(divider(&divided(2.0), 50.177, 53.2).unwrap(), 2.1205, 1e-4);
        assert_close(divider(&divided(1.0), 26.5, 26.6).unwrap(), 1.0, 1e-9);
    }

    #[test]
    fn a_ratio_that_no_resistor_has_is_refused_with_what_to_check() {
        for (now, measured, known) in [
            (2.0, 53.2, 26.6),
            (2.0, 26.6, 53.2),
            (1.0, 26.6, 53.2),
            (2.0, 0.1, 53.2),
            (2.0, 53.2, f64::NAN),
            (2.0, 53.2, -53.2),
            (1.1, 11.0, 9.5),
        ] {
            assert!(divider(&divided(now), measured, known).is_err(), "{now} {measured} {known}");
        }
        assert!(divider(&divided(1.0), 26.6, 53.2).unwrap_err().contains("looks like 2.0"));
    }

    #[test]
    fn the_shunt_and_the_sign_are_found_from_a_clamp_meter() {
        let (found, sign) = shunt(&divided(1.0), -41.0, -40.0).unwrap();
        assert_eq!((found.text().as_str(), sign), ("100A/76.875mV", CurrentSign::Normal));
        let (found, sign) = shunt(&divided(1.0), 40.0, -40.0).unwrap();
        assert_eq!((found.text().as_str(), sign), ("100A/75.000mV", CurrentSign::Inverted));
        for (measured, known) in [(40.0, 20.0), (20.0, 40.0), (0.01, 0.01), (40.0, 0.0), (40.0, f64::NAN)] {
            assert!(shunt(&divided(1.0), measured, known).is_err(), "{measured} {known}");
        }
    }

    #[test]
    fn an_offset_is_told_from_a_current() {
        assert_eq!(zero(&divided(1.0), -0.02), Ok(-0.02));
        assert!(zero(&divided(1.0), 0.5).unwrap_err().contains("disconnect"));
    }
}
