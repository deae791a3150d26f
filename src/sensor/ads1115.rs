//! TI ADS1115 with a divider at AIN0: a voltage (datasheet SBAS444E).

use super::convert::Scale;
use super::datasheet::{Datasheet, Field, Ready, Register, Setting, register};

/// Section 8.1.
const CONVERSION: Register = register!(0x00, "CONVERSION", 2);
const CONFIG: Register = register!(0x01, "CONFIG", 2);

/// AIN0 against ground, ±4.096 V, continuously, 16 samples a second, no comparator.
const CONFIGURATION: u16 = 0x4223;
const CONFIGURATION_AT_POWER_ON: u16 = 0x8583;
/// Bit 15 says whether a conversion is under way.
const KEPT: u16 = 0x7FFF;
const SINGLE_SHOT: u16 = 1 << 8;

/// Table 3; the last step is the end of the range.
const SCALE: Scale = Scale { bus_lsb: 125e-6, bus_limit: 4.095_75, shunt_lsb: 0.0, shunt_end: 0 };

/// Two results, at a rate that is 10 % off (section 6.5).
const FIRST_RESULT_MS: u32 = 140;

pub(super) fn datasheet() -> Datasheet {
    Datasheet {
        chip: "ADS1115",
        ids: &[],
        identify: |_| Ok(()),
        settings: vec![Setting {
            register: CONFIG,
            word: CONFIGURATION,
            kept: KEPT,
            at_power_on: &[CONFIGURATION_AT_POWER_ON],
        }],
        ready: Ready::After(FIRST_RESULT_MS),
        bus: Field { register: CONVERSION, shift: 0, is_signed: true },
        shunt: None,
        charge: None,
        scale: |_| SCALE,
        sleeps: |words| words.first().is_none_or(|config| config & SINGLE_SHOT != 0),
        also: &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::convert::convert;
    use super::super::testing::{assert_close, wiring};
    use super::super::{SensorKind, Wiring};
    use super::*;

    #[test]
    fn a_pack_behind_a_divider_of_18_is_read_and_the_end_of_the_range_is_not_believed() {
        let wiring = Wiring { divider: 18.0, ..wiring(SensorKind::Ads1115) };
        let reading = convert(&SCALE, &wiring, 23_644, None).unwrap();
        assert_close(reading.voltage, 53.199, 1e-9);
        assert_eq!(reading.current, None);
        assert!(convert(&SCALE, &wiring, 0x7FFE, None).is_ok());
        assert!(convert(&SCALE, &wiring, 0x7FFF, None).is_err());
    }
}
