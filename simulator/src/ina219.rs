//! TI INA219 at register level (datasheet SBOS448G).

use std::time::Duration;

use crate::clock::Clock;
use crate::registers::{Inputs, Mode, RegisterChip, Registers, Word, on_a_bus, quantise};
use crate::terminals::Terminals;

const CONFIGURATION: u8 = 0x00;
const SHUNT_VOLTAGE: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;
const POWER: u8 = 0x03;
const CURRENT: u8 = 0x04;
const CALIBRATION: u8 = 0x05;

/// Table 2.
const CONFIGURATION_AT_POWER_ON: u16 = 0x399F;
const RESET: u16 = 1 << 15;
/// Bit 14 does not exist.
const CONFIGURATION_BITS: u16 = 0x3FFF;
const BUS_RANGE_32_V: u16 = 1 << 13;
/// Section 8.6.3.1.
const SHUNT_LSB: f64 = 10e-6;
/// Section 8.6.3.2.
const BUS_LSB: f64 = 4e-3;
const CONVERSION_READY: u16 = 1 << 1;
const MATH_OVERFLOW: u16 = 1 << 0;

/// An INA219 on a [`SimulatedBus`](crate::SimulatedBus). It has no id register.
///
/// A result is the terminals' value when it is first asked for after a conversion ended; averaging takes its
/// time but smooths nothing, and 9 to 11 bit modes have the full resolution.
#[derive(Debug)]
pub struct Ina219(RegisterChip<Ina219Registers>);

on_a_bus!(Ina219);

impl Ina219 {
    /// A chip that has just been powered, with its inputs at `terminals`.
    pub fn new(terminals: Terminals) -> Self {
        Self::with_clock(terminals, Clock::monotonic())
    }

    /// The same, converting by `clock`.
    pub fn with_clock(terminals: Terminals, clock: Clock) -> Self {
        Self(RegisterChip::powered(Ina219Registers {
            inputs: Inputs::new(terminals, clock),
            configuration: 0,
            calibration: 0,
            results: Results::default(),
            ready: false,
        }))
    }
}

#[derive(Debug)]
struct Ina219Registers {
    inputs: Inputs,
    configuration: u16,
    calibration: u16,
    results: Results,
    ready: bool,
}

#[derive(Debug, Default)]
struct Results {
    shunt: i16,
    bus: u16,
    current: i16,
    power: u16,
    overflow: bool,
}

impl Registers for Ina219Registers {
    fn power_on(&mut self) {
        self.configuration = CONFIGURATION_AT_POWER_ON;
        self.calibration = 0;
        self.results = Results::default();
        self.restart();
    }

    fn load(&mut self, register: u8) -> Word {
        self.convert();
        let word = match register {
            CONFIGURATION => self.configuration,
            SHUNT_VOLTAGE => self.results.shunt.cast_unsigned(),
            BUS_VOLTAGE => {
                let ready = if self.ready { CONVERSION_READY } else { 0 };
                let overflow = if self.results.overflow { MATH_OVERFLOW } else { 0 };
                (self.results.bus << 3) | ready | overflow
            }
            POWER => {
                self.ready = false;
                self.results.power
            }
            CURRENT => self.results.current.cast_unsigned(),
            CALIBRATION => self.calibration,
            _ => 0,
        };
        word.into()
    }

    fn store(&mut self, register: u8, word: u16) {
        match register {
            CONFIGURATION if word & RESET != 0 => self.power_on(),
            CONFIGURATION => {
                self.configuration = word & CONFIGURATION_BITS;
                self.restart();
            }
            // Bit 0 is void: it always reads 0 (section 8.6.4.1).
            CALIBRATION => self.calibration = word & !1,
            _ => {}
        }
    }
}

impl Ina219Registers {
    fn restart(&mut self) {
        let bus = adc_time(self.configuration >> 7);
        let shunt = adc_time(self.configuration >> 3);
        let mode = Mode::of_bits(self.configuration, shunt, bus);
        // Power-down and "ADC off" keep the flag (section 8.6.3.2).
        self.ready &= mode == Mode::PowerDown;
        self.inputs.restart(mode);
    }

    fn convert(&mut self) {
        let Some(levels) = self.inputs.converted() else { return };
        // Table 4: ±40, 80, 160, 320 mV.
        let full_scale: i16 = 4000 << ((self.configuration >> 11) & 0b11);
        let bus_limit: i16 = if self.configuration & BUS_RANGE_32_V == 0 { 4000 } else { 8000 };
        let shunt = quantise(levels.shunt_volts, SHUNT_LSB, -full_scale..=full_scale);
        let bus = quantise(levels.pin_volts, BUS_LSB, 0..=bus_limit).cast_unsigned();
        let current = i32::from(shunt) * i32::from(self.calibration) / 4096;
        let power = u32::from(bus) * current.unsigned_abs() / 5000;
        self.results = Results {
            shunt,
            bus,
            current: i16::try_from(current).unwrap_or_default(),
            power: u16::try_from(power).unwrap_or_default(),
            overflow: i16::try_from(current).is_err() || u16::try_from(power).is_err(),
        };
        self.ready = true;
    }
}

/// Conversion time with averaging, by the low four bits of `setting` (Table 5).
fn adc_time(setting: u16) -> Duration {
    Duration::from_micros(match setting & 0b1111 {
        0b0000 | 0b0100 => 84,
        0b0001 | 0b0101 => 148,
        0b0010 | 0b0110 => 276,
        0b1001 => 1_060,
        0b1010 => 2_130,
        0b1011 => 4_260,
        0b1100 => 8_510,
        0b1101 => 17_020,
        0b1110 => 34_050,
        0b1111 => 68_100,
        _ => 532,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Chip as _;
    use crate::registers::bench::Bench;

    fn bench(pin_volts: f64, shunt_volts: f64) -> Bench<Ina219> {
        Bench::new(Ina219::with_clock, pin_volts, shunt_volts)
    }

    #[test]
    fn the_worked_example_of_the_datasheet_gives_its_register_contents() {
        // SBOS448F, Table 3: 10 A through 2 mΩ at 12 V; ranges 40 mV and 16 V.
        let mut bench = bench(11.98, 0.02);
        bench.set(CONFIGURATION, 0x019F);
        bench.set(CALIBRATION, 0x5000);
        bench.hand.advance(Duration::from_millis(2));
        assert_eq!(bench.get(SHUNT_VOLTAGE), 0x07D0);
        assert_eq!(bench.get(BUS_VOLTAGE), 0x5D98 | CONVERSION_READY);
        assert_eq!(bench.get(CURRENT), 0x2710);
        assert_eq!(bench.get(POWER), 0x1766);
    }

    #[test]
    fn power_on_and_reset_load_the_datasheets_values() {
        let mut bench = bench(12.0, 0.01);
        assert_eq!(bench.get(CONFIGURATION), 0x399F);
        bench.set(CONFIGURATION, 0x019F);
        bench.set(CALIBRATION, 0x5001);
        assert_eq!(bench.get(CONFIGURATION), 0x019F);
        assert_eq!(bench.get(CALIBRATION), 0x5000);
        bench.set(CONFIGURATION, RESET | 0x019F);
        assert_eq!((bench.get(CONFIGURATION), bench.get(CALIBRATION)), (0x399F, 0));
    }

    #[test]
    fn the_pointer_stays_until_the_next_write_and_read_only_registers_ignore_writes() {
        let mut bench = bench(12.0, -0.32);
        bench.set(SHUNT_VOLTAGE, 0x1234);
        let mut bytes = [0; 3];
        for _ in 0..2 {
            bench.chip.read(&mut bytes).unwrap();
            // −320 mV is 8300h (SBOS448G, 8.6.3.1).
            assert_eq!(bytes, [0x83, 0x00, 0xFF]);
        }
    }

    #[test]
    fn the_shunt_saturates_at_the_gains_range_and_the_bus_at_its_own() {
        for (gain, limit) in [(0u16, 4000i16), (1, 8000), (2, 16000), (3, 32000)] {
            let mut bench = bench(40.0, 1.0);
            bench.set(CONFIGURATION, (gain << 11) | 0x019F);
            bench.hand.advance(Duration::from_millis(2));
            assert_eq!(bench.get(SHUNT_VOLTAGE).cast_signed(), limit);
            assert_eq!(bench.get(BUS_VOLTAGE) >> 3, 4000);
            bench.terminals.set(40.0, -1.0);
            bench.set(CONFIGURATION, (gain << 11) | 0x219F);
            bench.hand.advance(Duration::from_millis(2));
            assert_eq!(bench.get(SHUNT_VOLTAGE).cast_signed(), -limit);
            assert_eq!(bench.get(BUS_VOLTAGE) >> 3, 8000);
        }
    }

    #[test]
    fn conversion_ready_falls_with_a_new_mode_or_a_read_of_power_and_rises_after_the_conversion() {
        let mut bench = bench(12.0, 0.0);
        assert_eq!(bench.get(BUS_VOLTAGE) & CONVERSION_READY, CONVERSION_READY);
        bench.get(POWER);
        assert_eq!(bench.get(BUS_VOLTAGE) & CONVERSION_READY, 0);
        bench.hand.advance(Duration::from_micros(1064));
        assert_eq!(bench.get(BUS_VOLTAGE) & CONVERSION_READY, CONVERSION_READY);
        // 64 averages of both: 68.1 ms.
        bench.set(CONFIGURATION, 0x3F77);
        bench.hand.advance(Duration::from_millis(68));
        assert_eq!(bench.get(BUS_VOLTAGE) & CONVERSION_READY, 0);
        bench.hand.advance(Duration::from_micros(100));
        assert_eq!(bench.get(BUS_VOLTAGE) & CONVERSION_READY, CONVERSION_READY);
    }

    #[test]
    fn a_current_beyond_its_register_sets_the_overflow_flag() {
        let mut bench = bench(12.0, 0.3);
        bench.set(CALIBRATION, 0xFFFE);
        bench.hand.advance(Duration::from_millis(2));
        assert_eq!(bench.get(BUS_VOLTAGE) & MATH_OVERFLOW, MATH_OVERFLOW);
    }

    #[test]
    fn after_a_brown_out_the_current_is_0_for_ever() {
        let mut bench = bench(11.98, 0.02);
        bench.set(CALIBRATION, 0x5000);
        bench.hand.advance(Duration::from_millis(2));
        assert_eq!(bench.get(CURRENT), 0x2710);
        bench.chip.faults().brown_out();
        assert_eq!(bench.get(CONFIGURATION), 0x399F);
        bench.hand.advance(Duration::from_secs(1));
        assert_eq!(bench.get(CURRENT), 0);
        assert_eq!(bench.get(SHUNT_VOLTAGE), 0x07D0);
    }
}
