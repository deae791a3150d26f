//! TI INA226 at register level (datasheet SBOS547B).

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
const MASK_ENABLE: u8 = 0x06;
const ALERT_LIMIT: u8 = 0x07;
const MANUFACTURER_ID: u8 = 0xFE;
const DIE_ID: u8 = 0xFF;

/// Table 7-1.
const CONFIGURATION_AT_POWER_ON: u16 = 0x4127;
const TEXAS_INSTRUMENTS: u16 = 0x5449;
const INA226: u16 = 0x2260;
const RESET: u16 = 1 << 15;
/// Bits 14 to 12 always read 100.
const CONFIGURATION_BITS: u16 = 0x0FFF;
const CONFIGURATION_FIXED: u16 = 0x4000;
const SHUNT_LSB: f64 = 2.5e-6;
const BUS_LSB: f64 = 1.25e-3;
const CONVERSION_READY: u16 = 1 << 3;
const MATH_OVERFLOW: u16 = 1 << 2;
/// The alert functions, polarity and latch; the flags between them are read-only.
const MASK_ENABLE_BITS: u16 = 0xFC03;

/// An INA226 on a [`SimulatedBus`](crate::SimulatedBus). The alert pin is connected to nothing.
///
/// A result is the terminals' value when it is first asked for after a conversion ended; averaging takes its
/// time but smooths nothing.
#[derive(Debug)]
pub struct Ina226(RegisterChip<Ina226Registers>);

on_a_bus!(Ina226);

impl Ina226 {
    /// A chip that has just been powered, with its inputs at `terminals`.
    pub fn new(terminals: Terminals) -> Self {
        Self::with_clock(terminals, Clock::monotonic())
    }

    /// The same, converting by `clock`.
    pub fn with_clock(terminals: Terminals, clock: Clock) -> Self {
        Self(RegisterChip::powered(Ina226Registers {
            inputs: Inputs::new(terminals, clock),
            ids: (TEXAS_INSTRUMENTS, INA226),
            configuration: 0,
            calibration: 0,
            mask_enable: 0,
            alert_limit: 0,
            results: Results::default(),
            ready: false,
        }))
    }

    /// Answers `manufacturer` at 0xFE and `die` at 0xFF, as a clone or another chip does.
    #[must_use]
    pub fn with_ids(mut self, manufacturer: u16, die: u16) -> Self {
        self.0.registers.ids = (manufacturer, die);
        self
    }
}

#[derive(Debug)]
struct Ina226Registers {
    inputs: Inputs,
    ids: (u16, u16),
    configuration: u16,
    calibration: u16,
    mask_enable: u16,
    alert_limit: u16,
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

impl Registers for Ina226Registers {
    fn power_on(&mut self) {
        self.configuration = CONFIGURATION_AT_POWER_ON;
        self.calibration = 0;
        self.mask_enable = 0;
        self.alert_limit = 0;
        self.results = Results::default();
        self.ready = false;
        self.restart();
    }

    fn load(&mut self, register: u8) -> Word {
        self.convert();
        let word = match register {
            CONFIGURATION => self.configuration,
            SHUNT_VOLTAGE => self.results.shunt.cast_unsigned(),
            BUS_VOLTAGE => self.results.bus,
            POWER => self.results.power,
            CURRENT => self.results.current.cast_unsigned(),
            CALIBRATION => self.calibration,
            MASK_ENABLE => {
                let ready = if std::mem::take(&mut self.ready) { CONVERSION_READY } else { 0 };
                let overflow = if self.results.overflow { MATH_OVERFLOW } else { 0 };
                self.mask_enable | ready | overflow
            }
            ALERT_LIMIT => self.alert_limit,
            MANUFACTURER_ID => self.ids.0,
            DIE_ID => self.ids.1,
            _ => 0,
        };
        word.into()
    }

    fn store(&mut self, register: u8, word: u16) {
        match register {
            CONFIGURATION if word & RESET != 0 => self.power_on(),
            CONFIGURATION => {
                self.configuration = (word & CONFIGURATION_BITS) | CONFIGURATION_FIXED;
                self.restart();
            }
            // Bit 15 does not exist.
            CALIBRATION => self.calibration = word & 0x7FFF,
            MASK_ENABLE => self.mask_enable = word & MASK_ENABLE_BITS,
            ALERT_LIMIT => self.alert_limit = word,
            _ => {}
        }
    }
}

impl Ina226Registers {
    fn restart(&mut self) {
        let averages = average_count(self.configuration >> 9);
        let bus = conversion_time(self.configuration >> 6) * averages;
        let shunt = conversion_time(self.configuration >> 3) * averages;
        let mode = Mode::of_bits(self.configuration, shunt, bus);
        // Only the selection of power-down keeps the flag.
        self.ready &= mode == Mode::PowerDown;
        self.inputs.restart(mode);
    }

    fn convert(&mut self) {
        let Some(levels) = self.inputs.converted() else { return };
        let shunt = quantise(levels.shunt_volts, SHUNT_LSB, i16::MIN..=i16::MAX);
        let bus = quantise(levels.pin_volts, BUS_LSB, 0..=i16::MAX).cast_unsigned();
        let current = i32::from(shunt) * i32::from(self.calibration) / 2048;
        let power = u32::from(bus) * current.unsigned_abs() / 20_000;
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

/// Number of averages, by the low three bits of `setting` (configuration bits AVG).
fn average_count(setting: u16) -> u32 {
    match setting & 0b111 {
        0b000 => 1,
        0b001 => 4,
        0b010 => 16,
        0b011 => 64,
        0b100 => 128,
        0b101 => 256,
        0b110 => 512,
        _ => 1024,
    }
}

/// Conversion time, by the low three bits of `setting` (configuration bits VBUSCT and VSHCT).
fn conversion_time(setting: u16) -> Duration {
    Duration::from_micros(match setting & 0b111 {
        0b000 => 140,
        0b001 => 204,
        0b010 => 332,
        0b011 => 588,
        0b100 => 1_100,
        0b101 => 2_116,
        0b110 => 4_156,
        _ => 8_244,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{BusFault, Chip as _, errno};
    use crate::registers::bench::Bench;

    fn bench(pin_volts: f64, shunt_volts: f64) -> Bench<Ina226> {
        Bench::new(Ina226::with_clock, pin_volts, shunt_volts)
    }

    #[test]
    fn the_worked_example_of_the_datasheet_gives_its_register_contents() {
        // SBOS547, Table 1: 10 A through 2 mΩ at 12 V.
        let mut bench = bench(11.98, 0.02);
        bench.set(CALIBRATION, 0x0A00);
        bench.hand.advance(Duration::from_millis(3));
        assert_eq!(bench.get(CONFIGURATION), 0x4127);
        assert_eq!(bench.get(SHUNT_VOLTAGE), 0x1F40);
        assert_eq!(bench.get(BUS_VOLTAGE), 0x2570);
        assert_eq!(bench.get(CURRENT), 0x2710);
        assert_eq!(bench.get(POWER), 0x12B8);
    }

    #[test]
    fn it_names_itself_unless_it_is_a_clone() {
        let mut bench = bench(0.0, 0.0);
        assert_eq!((bench.get(MANUFACTURER_ID), bench.get(DIE_ID)), (0x5449, 0x2260));
        bench.chip = Ina226::new(Terminals::default()).with_ids(0x1234, 0x5678);
        assert_eq!((bench.get(MANUFACTURER_ID), bench.get(DIE_ID)), (0x1234, 0x5678));
    }

    #[test]
    fn a_negative_shunt_voltage_is_a_twos_complement_word() {
        // −80 mV is 8300h (SBOS547, page 20).
        assert_eq!(bench(0.0, -0.08).get(SHUNT_VOLTAGE), 0x8300);
    }

    #[test]
    fn both_inputs_saturate_at_the_ends_of_their_range() {
        let mut bench = bench(50.0, 0.1);
        assert_eq!((bench.get(SHUNT_VOLTAGE), bench.get(BUS_VOLTAGE)), (0x7FFF, 0x7FFF));
        bench.terminals.set(-1.0, -0.1);
        bench.hand.advance(Duration::from_millis(3));
        assert_eq!((bench.get(SHUNT_VOLTAGE), bench.get(BUS_VOLTAGE)), (0x8000, 0));
    }

    #[test]
    fn conversion_ready_falls_when_it_is_read_or_the_configuration_written() {
        let mut bench = bench(12.0, 0.0);
        assert_eq!(bench.get(MASK_ENABLE), CONVERSION_READY);
        assert_eq!(bench.get(MASK_ENABLE), 0);
        // 16 averages of 2.116 ms each way: 67.712 ms.
        bench.set(CONFIGURATION, 0x456F);
        bench.hand.advance(Duration::from_micros(67_711));
        assert_eq!(bench.get(MASK_ENABLE), 0);
        bench.hand.advance(Duration::from_micros(1));
        assert_eq!(bench.get(MASK_ENABLE), CONVERSION_READY);
        assert_eq!(bench.get(BUS_VOLTAGE), 9600);
    }

    #[test]
    fn reset_and_brown_out_load_the_power_on_values() {
        for brown_out in [false, true] {
            let mut bench = bench(12.0, 0.01);
            bench.set(CONFIGURATION, 0x0007);
            bench.set(CALIBRATION, 0x0A00);
            bench.set(ALERT_LIMIT, 7);
            assert_eq!(bench.get(CONFIGURATION), 0x4007);
            if brown_out {
                bench.chip.faults().brown_out();
            } else {
                bench.set(CONFIGURATION, RESET);
            }
            assert_eq!(bench.get(CONFIGURATION), 0x4127);
            assert_eq!((bench.get(CALIBRATION), bench.get(ALERT_LIMIT)), (0, 0));
            bench.hand.advance(Duration::from_millis(3));
            assert_eq!(bench.get(CURRENT), 0);
        }
    }

    #[test]
    fn a_chip_told_to_stop_acknowledges_the_given_number_of_messages_and_no_more() {
        let mut bench = bench(12.0, 0.0);
        let faults = bench.chip.faults();
        faults.nak_after(1);
        assert_eq!(bench.chip.write(&[BUS_VOLTAGE]), Ok(()));
        assert_eq!(bench.chip.read(&mut [0; 2]), Err(BusFault { errno: errno::EREMOTEIO }));
        assert_eq!(bench.chip.write(&[BUS_VOLTAGE]), Err(BusFault { errno: errno::EREMOTEIO }));
        faults.heal();
        assert_eq!(bench.get(BUS_VOLTAGE), 9600);
    }
}
