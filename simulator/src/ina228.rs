//! TI INA228 at register level (datasheet SLYS021A), and the INA237 and INA238, which have its registers with 16 bits
//! and no accumulators (SBOSA20A, SBOSA20C).

use std::time::Duration;

use crate::clock::Clock;
use crate::registers::{Inputs, Mode, RegisterChip, Registers, Word, on_a_bus};
use crate::terminals::Terminals;

const CONFIG: u8 = 0x00;
const ADC_CONFIG: u8 = 0x01;
const SHUNT_CAL: u8 = 0x02;
const VSHUNT: u8 = 0x04;
const VBUS: u8 = 0x05;
const DIETEMP: u8 = 0x06;
const CURRENT: u8 = 0x07;
const CHARGE: u8 = 0x0A;
const DIAG_ALRT: u8 = 0x0B;
const MANUFACTURER_ID: u8 = 0x3E;
const DEVICE_ID: u8 = 0x3F;

const RESET: u16 = 1 << 15;
const RESET_ACCUMULATORS: u16 = 1 << 14;
const FINE_SHUNT_RANGE: u16 = 1 << 4;
const CONFIG_BITS: u16 = 0x3FF0;
const ADC_CONFIG_AT_POWER_ON: u16 = 0xFB68;
const SHUNT_CAL_AT_POWER_ON: u16 = 0x1000;
/// MEMSTAT: the trim memory's checksum is right.
const DIAG_ALRT_AT_POWER_ON: u16 = 1;
const DIAG_ALRT_BITS: u16 = 0xF000;
const ALERT_LATCH: u16 = 1 << 15;
const CONVERSION_READY: u16 = 1 << 1;
const TEXAS_INSTRUMENTS: u16 = 0x5449;
/// 25 °C in steps of 7.8125 m°C (INA228) or, in bits 15 to 4, 125 m°C.
const ROOM_TEMPERATURE: u16 = 0x0C80;

/// An INA228, INA237 or INA238 on a [`SimulatedBus`](crate::SimulatedBus).
///
/// A result is the terminals' value when it is first asked for after a conversion ended; CHARGE adds up the
/// current of that value over the time of all conversions since the last.
#[derive(Debug)]
pub struct Ina228(RegisterChip<Ina228Registers>);

on_a_bus!(Ina228);

impl Ina228 {
    /// An INA228 that has just been powered, with its inputs at `terminals`.
    pub fn new(terminals: Terminals) -> Self {
        Self::with_clock(terminals, Clock::monotonic())
    }

    /// The same, converting by `clock`.
    pub fn with_clock(terminals: Terminals, clock: Clock) -> Self {
        Self::powered(&INA228, terminals, clock)
    }

    /// An INA237, converting by `clock`.
    pub fn ina237(terminals: Terminals, clock: Clock) -> Self {
        Self::powered(&INA237, terminals, clock)
    }

    /// An INA238, converting by `clock`.
    pub fn ina238(terminals: Terminals, clock: Clock) -> Self {
        Self::powered(&INA238, terminals, clock)
    }

    /// Answers `manufacturer` at 0x3E and `device` at 0x3F, as a clone or another chip does.
    #[must_use]
    pub fn with_ids(mut self, manufacturer: u16, device: u16) -> Self {
        self.0.registers.ids = (manufacturer, device);
        self
    }

    fn powered(model: &'static Model, terminals: Terminals, clock: Clock) -> Self {
        Self(RegisterChip::powered(Ina228Registers {
            model,
            ids: (TEXAS_INSTRUMENTS, model.device_id),
            inputs: Inputs::new(terminals, clock),
            config: 0,
            adc_config: 0,
            shunt_cal: 0,
            diag_alrt: 0,
            shunt: 0,
            bus: 0,
            charge: 0,
            ready: false,
        }))
    }
}

/// Where the three differ.
#[derive(Debug)]
struct Model {
    device_id: u16,
    /// Bits of VSHUNT, VBUS and CURRENT.
    bits: u32,
    /// Bits below these in the register, which read as 0.
    padding: u32,
    bytes: usize,
    /// In V, at the wide range; the fine one has a quarter.
    shunt_lsb: f64,
    bus_lsb: f64,
    has_accumulators: bool,
}

/// Table 7-5 and section 7.6.
const INA228: Model = Model {
    device_id: 0x2281,
    bits: 20,
    padding: 4,
    bytes: 3,
    shunt_lsb: 312.5e-9,
    bus_lsb: 195.3125e-6,
    has_accumulators: true,
};
const INA238: Model = Model {
    device_id: 0x2381,
    bits: 16,
    padding: 0,
    bytes: 2,
    shunt_lsb: 5e-6,
    bus_lsb: 3.125e-3,
    has_accumulators: false,
};
const INA237: Model = Model { device_id: 0x2370, ..INA238 };

#[derive(Debug)]
struct Ina228Registers {
    model: &'static Model,
    ids: (u16, u16),
    inputs: Inputs,
    config: u16,
    adc_config: u16,
    shunt_cal: u16,
    diag_alrt: u16,
    shunt: i64,
    bus: i64,
    /// Steps of the current times ns.
    charge: i128,
    ready: bool,
}

impl Registers for Ina228Registers {
    fn power_on(&mut self) {
        self.config = 0;
        self.adc_config = ADC_CONFIG_AT_POWER_ON;
        self.shunt_cal = SHUNT_CAL_AT_POWER_ON;
        self.diag_alrt = DIAG_ALRT_AT_POWER_ON;
        (self.shunt, self.bus, self.charge) = (0, 0, 0);
        self.restart();
    }

    fn load(&mut self, register: u8) -> Word {
        self.convert();
        match register {
            CONFIG => self.config.into(),
            ADC_CONFIG => self.adc_config.into(),
            SHUNT_CAL => self.shunt_cal.into(),
            VSHUNT => self.padded(self.shunt),
            VBUS => self.padded(self.bus),
            DIETEMP => ROOM_TEMPERATURE.into(),
            CURRENT => self.padded(self.current()),
            CHARGE if self.model.has_accumulators => Word::signed(self.counted(), 5),
            DIAG_ALRT => {
                let ready = if self.ready { CONVERSION_READY } else { 0 };
                // Without the latch reading does not clear it (section 7.6.1.12).
                self.ready &= self.diag_alrt & ALERT_LATCH == 0;
                (self.diag_alrt | ready).into()
            }
            MANUFACTURER_ID => self.ids.0.into(),
            DEVICE_ID => self.ids.1.into(),
            _ => 0.into(),
        }
    }

    fn store(&mut self, register: u8, word: u16) {
        match register {
            CONFIG if word & RESET != 0 => self.power_on(),
            CONFIG => {
                if word & RESET_ACCUMULATORS != 0 {
                    self.charge = 0;
                }
                self.config = word & CONFIG_BITS;
                self.restart();
            }
            ADC_CONFIG => {
                self.adc_config = word;
                self.restart();
            }
            SHUNT_CAL => self.shunt_cal = word & 0x7FFF,
            DIAG_ALRT => self.diag_alrt = (word & DIAG_ALRT_BITS) | DIAG_ALRT_AT_POWER_ON,
            _ => {}
        }
    }
}

impl Ina228Registers {
    fn padded(&self, value: i64) -> Word {
        Word::signed(value << self.model.padding, self.model.bytes)
    }

    /// CURRENT is the shunt's register times `SHUNT_CAL` over 4096, at the wide range as at the fine (section 8.1.2).
    fn current(&self) -> i64 {
        self.shunt * i64::from(self.shunt_cal) / 4096
    }

    /// CHARGE counts steps of the current times s and rolls over (section 7.6.1.11): 40 bits are written.
    fn counted(&self) -> i64 {
        let seconds = self.charge / 1_000_000_000;
        i64::try_from(seconds.rem_euclid(1 << 40)).unwrap_or_default()
    }

    fn restart(&mut self) {
        let averages = [1, 4, 16, 64, 128, 256, 512, 1024];
        let averages = averages.get(usize::from(self.adc_config & 0b111)).copied().unwrap_or(1);
        let mode = self.adc_config >> 12;
        let time = |enabled: u16, shift: u16| {
            if mode & enabled == 0 { Duration::ZERO } else { conversion_time(self.adc_config >> shift) }
        };
        // Mode bits: 0 bus, 1 shunt, 2 temperature, 3 continuous (section 7.6.1.2).
        let period = (time(1, 9) + time(2, 6) + time(4, 3)) * averages;
        self.ready = false;
        self.inputs.restart(match mode {
            0 | 8 => Mode::PowerDown,
            1..=7 => Mode::Triggered(period),
            _ => Mode::Continuous(period),
        });
    }

    fn convert(&mut self) {
        let Some((levels, time)) = self.inputs.conversions() else { return };
        let fine = if self.config & FINE_SHUNT_RANGE == 0 { 1.0 } else { 4.0 };
        let end = (1_i64 << (self.model.bits - 1)) - 1;
        self.shunt = quantise(levels.shunt_volts, self.model.shunt_lsb / fine, -end - 1, end);
        self.bus = quantise(levels.pin_volts, self.model.bus_lsb, 0, end);
        self.charge +=
            i128::from(self.current()) * i128::from(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.ready = true;
    }
}

fn conversion_time(setting: u16) -> Duration {
    let micros = [50, 84, 150, 280, 540, 1_052, 2_074, 4_120];
    Duration::from_micros(micros.get(usize::from(setting & 0b111)).copied().unwrap_or(50))
}

fn quantise(volts: f64, lsb: f64, first: i64, last: i64) -> i64 {
    let steps = (volts / lsb).round().clamp(first as f64, last as f64);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 20 bits; NaN becomes 0")]
    let steps = steps as i64;
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::bench::Bench;

    #[test]
    fn the_worked_example_of_the_datasheets_gives_its_register_contents() {
        // Section 8.2: 48 V, 6 A through 16.2 mΩ.
        let mut bench = Bench::new(Ina228::with_clock, 48.0, 6.0 * 16.2e-3);
        assert_eq!(bench.get_bytes(VSHUNT), [0x4B, 0xF0, 0x00]);
        assert_eq!(bench.get_bytes(VBUS), [0x3C, 0x00, 0x00]);
        let mut bench = Bench::new(Ina228::ina238, 48.0, 6.0 * 16.2e-3);
        assert_eq!((bench.get(VSHUNT), bench.get(VBUS)), (0x4BF0, 0x3C00));
    }

    #[test]
    fn each_names_itself_unless_it_is_a_clone() {
        for (plug, device) in [
            (Ina228::with_clock as fn(_, _) -> _, 0x2281),
            (Ina228::ina237, 0x2370),
            (Ina228::ina238, 0x2381),
        ] {
            let mut bench = Bench::new(plug, 0.0, 0.0);
            assert_eq!((bench.get(MANUFACTURER_ID), bench.get(DEVICE_ID)), (TEXAS_INSTRUMENTS, device));
            bench.chip = bench.chip.with_ids(1, 2);
            assert_eq!((bench.get(MANUFACTURER_ID), bench.get(DEVICE_ID)), (1, 2));
        }
    }

    #[test]
    fn negative_values_and_both_ends_of_the_range_are_twos_complement() {
        let mut bench = Bench::new(Ina228::with_clock, 120.0, -1.0);
        assert_eq!(bench.get_bytes(VSHUNT), [0x80, 0, 0]);
        assert_eq!(bench.get_bytes(VBUS), [0x7F, 0xFF, 0xF0]);
        bench.terminals.set(-1.0, -312.5e-9);
        bench.wait_ms(5);
        assert_eq!(bench.get_bytes(VSHUNT), [0xFF, 0xFF, 0xF0]);
        assert_eq!(bench.get_bytes(VBUS), [0, 0, 0]);
        bench.set(CONFIG, FINE_SHUNT_RANGE);
        bench.wait_ms(5);
        assert_eq!(bench.get_bytes(VSHUNT), [0xFF, 0xFF, 0xC0]);
    }

    #[test]
    fn with_the_latch_a_conversion_is_told_once() {
        let mut bench = Bench::new(Ina228::with_clock, 1.0, 0.0);
        for _ in 0..2 {
            assert_eq!(bench.get(DIAG_ALRT), DIAG_ALRT_AT_POWER_ON | CONVERSION_READY);
        }
        bench.set(DIAG_ALRT, ALERT_LATCH);
        assert_ne!(bench.get(DIAG_ALRT) & CONVERSION_READY, 0);
        assert_eq!(bench.get(DIAG_ALRT) & CONVERSION_READY, 0);
        bench.wait_ms(5);
        assert_ne!(bench.get(DIAG_ALRT) & CONVERSION_READY, 0);
    }

    #[test]
    fn reset_and_brown_out_load_the_power_on_values() {
        for brown_out in [false, true] {
            let mut bench = Bench::new(Ina228::with_clock, 12.0, 0.01);
            bench.set(CONFIG, FINE_SHUNT_RANGE);
            bench.set(ADC_CONFIG, 0xBDAA);
            bench.set(DIAG_ALRT, ALERT_LATCH);
            assert_eq!((bench.get(CONFIG), bench.get(ADC_CONFIG)), (FINE_SHUNT_RANGE, 0xBDAA));
            if brown_out {
                bench.chip.faults().brown_out();
            } else {
                bench.set(CONFIG, RESET);
            }
            assert_eq!((bench.get(CONFIG), bench.get(ADC_CONFIG)), (0, ADC_CONFIG_AT_POWER_ON));
            assert_eq!(bench.get(DIAG_ALRT) & ALERT_LATCH, 0);
        }
    }

    #[test]
    fn charge_adds_up_the_current_over_time_and_is_cleared_on_command() {
        let mut bench = Bench::new(Ina228::with_clock, 12.0, -312.5e-9 * 100.0);
        bench.set(CONFIG, RESET_ACCUMULATORS);
        for _ in 0..3 {
            bench.wait_ms(1000);
            bench.get(DIAG_ALRT);
        }
        // -100 steps for 950 conversions of 3.156 ms.
        assert_eq!(bench.get_bytes(CHARGE), [0xFF, 0xFF, 0xFF, 0xFE, 0xD5]);
        bench.set(CONFIG, RESET_ACCUMULATORS);
        assert_eq!(bench.get_bytes(CHARGE), [0; 5]);
    }
}
