//! TI INA228: bus to 85 V, shunt ±163.84 or ±40.96 mV with 20 bits (datasheet SLYS021A).

use super::convert::Scale;
use super::datasheet::{Datasheet, Field, Ready, Register, Setting, register};

/// Section 7.6.
const CONFIG: Register = register!(0x00, "CONFIG", 2);
const ADC_CONFIG: Register = register!(0x01, "ADC_CONFIG", 2);
const SHUNT_CAL: Register = register!(0x02, "SHUNT_CAL", 2);
const VSHUNT: Register = register!(0x04, "VSHUNT", 3);
const VBUS: Register = register!(0x05, "VBUS", 3);
const CHARGE: Register = register!(0x0A, "CHARGE", 5);
const DIAG_ALRT: Register = register!(0x0B, "DIAG_ALRT", 2);
pub(super) const MANUFACTURER_ID: Register = register!(0x3E, "MANUFACTURER_ID", 2);
pub(super) const DEVICE_ID: Register = register!(0x3F, "DEVICE_ID", 2);

/// ADCRANGE: the shunt's range is ±40.96 mV.
const FINE_SHUNT_RANGE: u16 = 1 << 4;
const FINE_SHUNT_VOLTS: f64 = 40.96e-3;
/// Shunt and bus continuously, 16 averages of 2.074 ms on each input: a result every 66.4 ms, so a reading at 10 Hz is
/// always a new one and one at 1 Hz has 66 ms of load noise averaged out.
const ADC_CONFIGURATION: u16 = 0xBDAA;
/// ALATCH: reading clears the flag of a conversion (section 7.6.1.12).
const LATCH: u16 = 1 << 15;
const CONVERSION_READY: u16 = 1 << 1;
/// MODE of `ADC_CONFIG`: bus and shunt, continuously.
const MODE: u16 = 0b1011 << 12;

const TEXAS_INSTRUMENTS: u16 = 0x5449;

/// The pins take 85 V (section 6.3).
const BUS_LIMIT: f64 = 85.0;
/// Steps of VBUS and VSHUNT (section 7.6.1.5 and 7.6.1.6).
const WIDE: Scale =
    Scale { bus_lsb: 195.3125e-6, bus_limit: BUS_LIMIT, shunt_lsb: 312.5e-9, shunt_end: 0x7_FFFF };

/// The chip with a shunt that drops `rated_shunt_volts` at its rated current.
pub(super) fn datasheet(rated_shunt_volts: Option<f64>) -> Datasheet {
    Datasheet {
        chip: "INA228",
        ids: &[MANUFACTURER_ID, DEVICE_ID],
        identify: |ids| identified(ids, &[0x228], "0x228x"),
        settings: with_calibration(settings(rated_shunt_volts)),
        ready: Ready::Flag(DIAG_ALRT, CONVERSION_READY),
        bus: Field { register: VBUS, shift: 4, is_signed: true },
        shunt: Some(Field { register: VSHUNT, shift: 4, is_signed: true }),
        charge: Some(CHARGE),
        scale: |config| scale(WIDE, config),
        sleeps,
        also: &[DIAG_ALRT, CHARGE],
    }
}

/// The finer range where it leaves room for twice the shunt's rated voltage: an inverter's inrush should be measured.
pub(super) fn settings(rated_shunt_volts: Option<f64>) -> Vec<Setting> {
    let is_fine = rated_shunt_volts.is_some_and(|volts| 2.0 * volts <= FINE_SHUNT_VOLTS);
    let config = if is_fine { FINE_SHUNT_RANGE } else { 0 };
    let setting =
        |register, word, kept, at_power_on: &'static [u16]| Setting { register, word, kept, at_power_on };
    vec![
        setting(CONFIG, config, 0x3FF0, &[0]),
        setting(ADC_CONFIG, ADC_CONFIGURATION, 0xFFFF, &[0xFB68]),
        setting(DIAG_ALRT, LATCH, 0xF000, &[0]),
    ]
}

/// At this calibration CURRENT has the steps of VSHUNT in both ranges, so CHARGE counts steps of VSHUNT times s
/// (section 8.1.2).
fn with_calibration(mut settings: Vec<Setting>) -> Vec<Setting> {
    let calibration = Setting { register: SHUNT_CAL, word: 4096, kept: 0x7FFF, at_power_on: &[4096] };
    // The last is one that a restart changes.
    settings.insert(settings.len().saturating_sub(1), calibration);
    settings
}

/// `wide`, or with a quarter of its steps.
pub(super) fn scale(wide: Scale, config: u16) -> Scale {
    let is_fine = config & FINE_SHUNT_RANGE != 0;
    Scale { shunt_lsb: if is_fine { wide.shunt_lsb / 4.0 } else { wide.shunt_lsb }, ..wide }
}

pub(super) fn sleeps(words: &[u16]) -> bool {
    words.get(1).is_none_or(|adc_config| adc_config & MODE != MODE)
}

/// An error unless these are the maker's id and one of `devices`, of which the lowest digit is the revision.
pub(super) fn identified(ids: &[u16], devices: &[u16], expected: &str) -> Result<(), String> {
    let &[manufacturer, device] = ids else { return Err("a chip without ids answers".to_owned()) };
    if manufacturer == TEXAS_INSTRUMENTS && devices.contains(&(device >> 4)) {
        return Ok(());
    }
    let kind = match (manufacturer, device) {
        (0, 0) | (0xFFFF, 0xFFFF) => "a chip without ids",
        (TEXAS_INSTRUMENTS, _) => "another chip of Texas Instruments",
        _ => "a clone or another maker's chip",
    };
    Err(format!(
        "{kind} answers (manufacturer {manufacturer:#06x} instead of {TEXAS_INSTRUMENTS:#06x}, device \
         {device:#06x} instead of {expected})"
    ))
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
        let wiring = Wiring { shunt, ..wiring(SensorKind::Ina228) };
        let reading = convert(&WIDE, &wiring, 0x3_C000, Some(0x4_BF00)).unwrap();
        assert_close(reading.voltage, 48.0, 1e-9);
        assert_close(reading.current.unwrap(), 6.0, 1e-9);
    }

    #[test]
    fn the_last_steps_of_the_range_are_not_believed() {
        let wiring = wiring(SensorKind::Ina228);
        for (bus, shunt, input) in
            [(0, 0x7_FFFF, "shunt voltage"), (0, -0x8_0000, "shunt voltage"), (435_201, 0, "bus voltage")]
        {
            assert_eq!(convert(&WIDE, &wiring, bus, Some(shunt)).unwrap_err().input, input);
        }
        for (bus, shunt) in [(435_200, 0x7_FFFE), (0, -0x7_FFFE)] {
            assert!(convert(&WIDE, &wiring, bus, Some(shunt)).is_ok());
        }
    }

    #[test]
    fn the_fine_range_is_taken_where_it_holds_twice_the_rated_current() {
        for (rated, config, end) in [
            (Some(0.02), 0x10, 0.040_96),
            (Some(0.021), 0, 0.163_84),
            (Some(0.075), 0, 0.163_84),
            (None, 0, 0.163_84),
        ] {
            let sheet = datasheet(rated);
            assert_eq!(sheet.settings[0].word, config);
            let scale = (sheet.scale)(config);
            assert_close(scale.shunt_lsb * f64::from(scale.shunt_end), end, 1e-6);
        }
    }
}
