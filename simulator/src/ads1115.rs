//! TI ADS1115 at register level (datasheet SBAS444E).

use std::time::Duration;

use crate::clock::Clock;
use crate::registers::{Inputs, Mode, RegisterChip, Registers, Word, on_a_bus, quantise};
use crate::terminals::Terminals;

const CONVERSION: u8 = 0x00;
const CONFIG: u8 = 0x01;
const LOW_THRESHOLD: u8 = 0x02;
const HIGH_THRESHOLD: u8 = 0x03;

const CONFIG_AT_POWER_ON: u16 = 0x8583;
/// As written it starts a conversion; as read it says that none is under way.
const OPERATIONAL_STATUS: u16 = 1 << 15;
const SINGLE_SHOT: u16 = 1 << 8;

/// An ADS1115 on a [`SimulatedBus`](crate::SimulatedBus): the pin's voltage is at AIN0 against ground, the other inputs
/// are at ground. The alert pin is connected to nothing.
#[derive(Debug)]
pub struct Ads1115(RegisterChip<Ads1115Registers>);

on_a_bus!(Ads1115);

impl Ads1115 {
    /// A chip that has just been powered, with AIN0 at `terminals`.
    pub fn new(terminals: Terminals) -> Self {
        Self::with_clock(terminals, Clock::monotonic())
    }

    /// The same, converting by `clock`.
    pub fn with_clock(terminals: Terminals, clock: Clock) -> Self {
        let inputs = Inputs::new(terminals, clock);
        Self(RegisterChip::powered(Ads1115Registers { inputs, config: 0, conversion: 0, thresholds: (0, 0) }))
    }
}

#[derive(Debug)]
struct Ads1115Registers {
    inputs: Inputs,
    config: u16,
    conversion: i16,
    thresholds: (u16, u16),
}

impl Registers for Ads1115Registers {
    fn power_on(&mut self) {
        self.config = CONFIG_AT_POWER_ON;
        self.conversion = 0;
        self.thresholds = (0x8000, 0x7FFF);
        self.inputs.restart(Mode::PowerDown);
    }

    fn load(&mut self, register: u8) -> Word {
        self.convert();
        let word = match register {
            CONVERSION => self.conversion.cast_unsigned(),
            CONFIG => self.config,
            LOW_THRESHOLD => self.thresholds.0,
            HIGH_THRESHOLD => self.thresholds.1,
            _ => 0,
        };
        word.into()
    }

    fn store(&mut self, register: u8, word: u16) {
        match register {
            CONFIG => {
                let starts = word & OPERATIONAL_STATUS != 0;
                self.config = word & !OPERATIONAL_STATUS;
                let period = Duration::from_nanos(1_000_000_000 / samples_per_second(word >> 5));
                self.inputs.restart(match (word & SINGLE_SHOT == 0, starts) {
                    (true, _) => Mode::Continuous(period),
                    (false, true) => Mode::Triggered(period),
                    (false, false) => {
                        self.config |= OPERATIONAL_STATUS;
                        Mode::PowerDown
                    }
                });
            }
            LOW_THRESHOLD => self.thresholds.0 = word,
            HIGH_THRESHOLD => self.thresholds.1 = word,
            _ => {}
        }
    }
}

impl Ads1115Registers {
    fn convert(&mut self) {
        let Some(levels) = self.inputs.converted() else { return };
        // Section 8.1.3: the multiplexer; inputs 1 to 3 are at ground.
        let volts = match (self.config >> 12) & 0b111 {
            0b000 | 0b001 | 0b100 => levels.pin_volts,
            _ => 0.0,
        };
        self.conversion = quantise(volts, full_scale(self.config >> 9) / 32_768.0, i16::MIN..=i16::MAX);
        if self.config & SINGLE_SHOT != 0 {
            self.config |= OPERATIONAL_STATUS;
        }
    }
}

/// In V, by the low three bits of `setting` (PGA).
fn full_scale(setting: u16) -> f64 {
    match setting & 0b111 {
        0b000 => 6.144,
        0b001 => 4.096,
        0b010 => 2.048,
        0b011 => 1.024,
        0b100 => 0.512,
        _ => 0.256,
    }
}

/// By the low three bits of `setting` (DR).
fn samples_per_second(setting: u16) -> u64 {
    match setting & 0b111 {
        0b000 => 8,
        0b001 => 16,
        0b010 => 32,
        0b011 => 64,
        0b100 => 128,
        0b101 => 250,
        0b110 => 475,
        _ => 860,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::bench::Bench;

    #[test]
    fn full_scale_and_its_half_read_as_table_3_says() {
        let mut bench = Bench::new(Ads1115::with_clock, 1.024, 0.0);
        // ±2.048 V, AIN0 against ground, 860 samples a second.
        bench.set(CONFIG, 0x44E3);
        bench.wait_ms(2);
        assert_eq!(bench.get(CONVERSION), 0x4000);
        for (volts, word) in [(2.1, 0x7FFF), (-2.1, 0x8000), (-62.5e-6, 0xFFFF)] {
            bench.terminals.set(volts, 0.0);
            bench.wait_ms(2);
            assert_eq!(bench.get(CONVERSION), word, "{volts} V");
        }
    }

    #[test]
    fn it_sleeps_after_power_on_and_after_a_single_conversion() {
        let mut bench = Bench::new(Ads1115::with_clock, 1.024, 0.0);
        assert_eq!((bench.get(CONFIG), bench.get(CONVERSION)), (0x8583, 0));
        bench.set(CONFIG, 0xC5E3);
        assert_eq!(bench.get(CONFIG), 0x45E3);
        bench.wait_ms(2);
        assert_eq!((bench.get(CONVERSION), bench.get(CONFIG)), (0x4000, 0xC5E3));
        bench.terminals.set(0.0, 0.0);
        bench.wait_ms(2);
        assert_eq!(bench.get(CONVERSION), 0x4000);
        bench.chip.faults().brown_out();
        assert_eq!((bench.get(CONFIG), bench.get(CONVERSION)), (0x8583, 0));
    }
}
