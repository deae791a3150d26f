//! Maxim MAX17040, MAX17043 (datasheet 19-5210) and MAX17048 (19-6171): the voltage of one lithium cell.
//!
//! Their own state of charge is not used: it knows one kind of cell, and nothing of this pack.

use super::convert::Scale;
use super::datasheet::{Datasheet, Field, Ready, Register, Setting, register};

const VCELL: Register = register!(0x02, "VCELL", 2);
const SOC: Register = register!(0x04, "SOC", 2);
pub(super) const VERSION: Register = register!(0x08, "VERSION", 2);
const CONFIG: Register = register!(0x0C, "CONFIG", 2);

/// The gauge's alert threshold, which nothing is connected to, at 1 % instead of 4 %: a restart undoes it, and these
/// chips have nothing else that would tell. The compensation above it stays as it is at power-on.
const CONFIGURATION: u16 = 0x971F;
/// The MAX17040 has no alert threshold, and there the lowest bits of its compensation.
const CONFIGURATION_AT_POWER_ON: [u16; 2] = [0x971C, 0x9700];
const ALERT_THRESHOLD: u16 = 0x001F;

/// The MAX17048's step. The older ones have 12 bits of 1.25 mV above four zeros, which reads the same.
const SCALE: Scale = Scale { bus_lsb: 78.125e-6, bus_limit: 5.0, shunt_lsb: 0.0, shunt_end: 0 };

/// The gauge of one cell, or of several in parallel.
pub(super) fn datasheet() -> Datasheet {
    Datasheet {
        chip: "MAX17048",
        ids: &[VERSION],
        identify,
        settings: vec![Setting {
            register: CONFIG,
            word: CONFIGURATION,
            kept: ALERT_THRESHOLD,
            at_power_on: &CONFIGURATION_AT_POWER_ON,
        }],
        ready: Ready::Nonzero,
        bus: Field { register: VCELL, shift: 0, is_signed: false },
        shunt: None,
        charge: None,
        scale: |_| SCALE,
        sleeps: |_| false,
        also: &[SOC],
    }
}

/// VERSION is a small number: 2 and 3 in the older, 0x11 and 0x12 in the MAX17048.
pub(super) fn identify(ids: &[u16]) -> Result<(), String> {
    match ids {
        [0x0001..=0x001F] => Ok(()),
        [version] => Err(format!("a chip of another kind answers (VERSION is {version:#06x})")),
        _ => Err("a chip without a version answers".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::SensorKind;
    use super::super::convert::convert;
    use super::super::testing::{assert_close, wiring};
    use super::*;

    #[test]
    fn a_full_cell_is_4_2_v_and_no_current() {
        let wiring = wiring(SensorKind::Max17048);
        for (bus, volts) in [(0xD200, 4.2), (0x8000, 2.56), (0xFA00, 5.0)] {
            let reading = convert(&SCALE, &wiring, bus, None).unwrap();
            assert_close(reading.voltage, volts, 1e-9);
            assert_eq!(reading.current, None);
        }
        assert!(convert(&SCALE, &wiring, 0xFA01, None).is_err());
    }

    #[test]
    fn versions_of_these_gauges_are_small_numbers() {
        for version in [2, 3, 0x11, 0x12] {
            assert_eq!(identify(&[version]), Ok(()));
        }
        for version in [0, 0x0020, 0x5449, 0xFFFF] {
            assert!(identify(&[version]).is_err());
        }
    }
}
