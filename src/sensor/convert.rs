//! From a chip's registers to the pack's volts and amperes.

use super::Reading;
use super::wiring::{CurrentSign, Wiring};

/// What one step of a chip's registers is worth, and where its range ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// One step of the bus voltage in V.
    pub(super) bus_lsb: f64,
    /// Highest voltage that the bus pin may have, in V.
    pub(super) bus_limit: f64,
    /// One step of the shunt voltage in V.
    pub(super) shunt_lsb: f64,
    /// The step at which the shunt voltage saturates, in either direction.
    pub(super) shunt_end: u32,
}

/// An input that is at the end of its range, or beyond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutOfRange {
    /// "bus voltage" or "shunt voltage".
    pub input: &'static str,
    /// What was read, in V.
    pub volts: f64,
    /// End of the range, in V.
    pub limit: f64,
}

/// The pack's reading from a chip's bus and shunt registers.
///
/// The current comes from the shunt voltage and not from the chip's current register, which needs a
/// calibration that a brown-out clears, and then says 0.00 A for ever. A bus voltage below 0 is the noise of
/// an open input.
pub(super) fn convert(
    scale: &Scale,
    wiring: &Wiring,
    bus: i32,
    shunt: Option<i32>,
) -> Result<Reading, OutOfRange> {
    let pin_volts = f64::from(bus.max(0)) * scale.bus_lsb;
    if pin_volts > scale.bus_limit {
        return Err(OutOfRange { input: "bus voltage", volts: pin_volts, limit: scale.bus_limit });
    }
    let volts = |steps: f64| steps * scale.shunt_lsb;
    if let Some(steps) = shunt.filter(|steps| steps.unsigned_abs() >= scale.shunt_end) {
        let limit = volts(scale.shunt_end.into());
        return Err(OutOfRange { input: "shunt voltage", volts: volts(steps.into()), limit });
    }
    let sign = match wiring.current_sign {
        CurrentSign::Normal => 1.0,
        CurrentSign::Inverted => -1.0,
    };
    Ok(Reading {
        voltage: pin_volts * wiring.divider,
        current: shunt.map(|steps| sign * volts(steps.into()) / wiring.shunt.ohms),
        temperature: None,
        charge: None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{ina219, ina226};
    use super::*;
    use crate::sensor::{SensorKind, Shunt};

    fn wiring(ohms: f64, divider: f64, current_sign: CurrentSign) -> Wiring {
        Wiring {
            kind: SensorKind::Ina226,
            bus: "/dev/i2c-1".into(),
            address: 0x40,
            shunt: Shunt { ohms, rated_amps: None },
            current_sign,
            divider,
            temperature_probe: None,
            sense: None,
        }
    }

    fn ina219_at_320_mv() -> Scale {
        ina219::scale(ina219::configuration(None))
    }

    #[track_caller]
    fn assert_reads(result: Result<Reading, OutOfRange>, voltage: f64, current: f64) {
        let reading = result.unwrap();
        assert!((reading.voltage - voltage).abs() < 1e-9, "{reading:?}");
        assert!((reading.current.unwrap() - current).abs() < 1e-9, "{reading:?}");
    }

    #[test]
    fn the_ina226_datasheets_example_is_10_a_at_11_98_v() {
        // SBOS547, Table 1: 2 mΩ.
        let wiring = wiring(2e-3, 1.0, CurrentSign::Normal);
        assert_reads(convert(&ina226::SCALE, &wiring, 0x2570, Some(0x1F40)), 11.98, 10.0);
    }

    #[test]
    fn the_ina219_datasheets_example_is_10_a_at_11_98_v() {
        // SBOS448F, Table 3: 2 mΩ; the register 5D98h holds 2995 in bits 15 to 3.
        let wiring = wiring(2e-3, 1.0, CurrentSign::Normal);
        assert_reads(convert(&ina219_at_320_mv(), &wiring, 0x5D98 >> 3, Some(0x07D0)), 11.98, 10.0);
    }

    #[test]
    fn a_negative_shunt_voltage_is_a_negative_current_unless_the_board_is_inverted() {
        // 8300h is −80 mV in the INA226 (SBOS547, page 20) and −320 mV in the INA219 (SBOS448F, Table 7).
        let shunt = i32::from(0x8300_u16.cast_signed());
        let normal = wiring(0.1, 1.0, CurrentSign::Normal);
        let inverted = wiring(0.1, 1.0, CurrentSign::Inverted);
        assert_reads(convert(&ina226::SCALE, &normal, 0, Some(shunt)), 0.0, -0.8);
        assert_reads(convert(&ina226::SCALE, &inverted, 0, Some(shunt)), 0.0, 0.8);
        let almost = shunt + 1;
        assert_reads(convert(&ina219_at_320_mv(), &normal, 0, Some(almost)), 0.0, -3.1999);
    }

    #[test]
    fn a_divider_and_a_low_side_shunt_give_the_packs_values() {
        // 53.2 V behind 2:1, −40 A through 750 µΩ.
        let wiring = wiring(750e-6, 2.0, CurrentSign::Normal);
        assert_reads(convert(&ina226::SCALE, &wiring, 21_280, Some(-12_000)), 53.2, -40.0);
    }

    #[test]
    fn the_last_steps_of_the_range_are_not_believed() {
        let wiring = wiring(1e-3, 1.0, CurrentSign::Normal);
        for (scale, full_scale, last_bus) in
            [(ina226::SCALE, 32_767_i32, 28_800), (ina219_at_320_mv(), 32_000, 6_500)]
        {
            for shunt in [full_scale, -full_scale] {
                assert!(convert(&scale, &wiring, 0, Some(shunt - shunt.signum())).is_ok());
                let error = convert(&scale, &wiring, 0, Some(shunt)).unwrap_err();
                assert_eq!(error.input, "shunt voltage");
                assert!(convert(&scale, &wiring, 0, None).is_ok());
            }
            assert!(convert(&scale, &wiring, 0, Some(i16::MIN.into())).is_err());
            assert!(convert(&scale, &wiring, last_bus, Some(0)).is_ok());
            let error = convert(&scale, &wiring, last_bus + 1, Some(0)).unwrap_err();
            assert_eq!((error.input, error.limit), ("bus voltage", scale.bus_limit));
        }
    }

    #[test]
    fn without_current_there_is_none_rather_than_0() {
        let wiring = wiring(1e-3, 2.0, CurrentSign::Normal);
        assert_eq!(convert(&ina219_at_320_mv(), &wiring, 3000, None).unwrap().current, None);
    }
}
