//! TI INA237 and INA238: an INA228 with 16 bits and without accumulators (datasheets SBOSA20A, SBOSA20C).
//!
//! They differ in accuracy alone.

use super::convert::Scale;
use super::datasheet::{Datasheet, Field, Ready, Register, register};
use super::ina228::{DEVICE_ID, MANUFACTURER_ID, identified, scale, settings, sleeps};

const VSHUNT: Register = register!(0x04, "VSHUNT", 2);
const VBUS: Register = register!(0x05, "VBUS", 2);
const DIAG_ALRT: Register = register!(0x0B, "DIAG_ALRT", 2);
const CONVERSION_READY: u16 = 1 << 1;

/// Steps of VBUS and VSHUNT (section 7.6.1.4 and 7.6.1.5); the pins take 85 V (section 6.3).
const WIDE: Scale = Scale { bus_lsb: 3.125e-3, bus_limit: 85.0, shunt_lsb: 5e-6, shunt_end: 0x7FFF };

/// The chip with a shunt that drops `rated_shunt_volts` at its rated current.
pub(super) fn datasheet(rated_shunt_volts: Option<f64>) -> Datasheet {
    Datasheet {
        chip: "INA238",
        ids: &[MANUFACTURER_ID, DEVICE_ID],
        identify: |ids| identified(ids, &[0x237, 0x238], "0x237x or 0x238x"),
        settings: settings(rated_shunt_volts),
        ready: Ready::Flag(DIAG_ALRT, CONVERSION_READY),
        bus: Field { register: VBUS, shift: 0, is_signed: true },
        shunt: Some(Field { register: VSHUNT, shift: 0, is_signed: true }),
        charge: None,
        scale: |config| scale(WIDE, config),
        sleeps,
        also: &[DIAG_ALRT],
    }
}

#[cfg(test)]
mod tests {
    use super::super::convert::convert;
    use super::super::testing::{assert_close, wiring};
    use super::super::{SensorKind, Shunt, Wiring};
    use super::*;

    #[test]
    fn the_datasheets_example_is_6_a_at_48_v() {
        // Section 8.2: 16.2 mΩ.
        let shunt = Shunt { ohms: 16.2e-3, rated_amps: None };
        let wiring = Wiring { shunt, ..wiring(SensorKind::Ina238) };
        let reading = convert(&WIDE, &wiring, 0x3C00, Some(0x4BF0)).unwrap();
        assert_close(reading.voltage, 48.0, 1e-9);
        assert_close(reading.current.unwrap(), 6.0, 1e-9);
    }

    #[test]
    fn the_last_steps_of_the_range_are_not_believed() {
        let wiring = wiring(SensorKind::Ina238);
        for (bus, shunt) in [(0, 0x7FFF), (0, -0x8000), (27_201, 0)] {
            assert!(convert(&WIDE, &wiring, bus, Some(shunt)).is_err());
        }
        assert!(convert(&WIDE, &wiring, 27_200, Some(-0x7FFE)).is_ok());
    }
}
