//! Maxim MAX17048 at register level (datasheet 19-6171), and the MAX17040 and MAX17043 (19-5210), which have its VCELL
//! with 12 bits and no STATUS.

use std::time::Duration;

use crate::clock::Clock;
use crate::registers::{Inputs, Mode, RegisterChip, Registers, Word, on_a_bus, quantise};
use crate::terminals::Terminals;

const VCELL: u8 = 0x02;
const SOC: u8 = 0x04;
const VERSION: u8 = 0x08;
const CONFIG: u8 = 0x0C;
const CRATE: u8 = 0x16;
const STATUS: u8 = 0x1A;
const COMMAND: u8 = 0xFE;

const CONFIG_AT_POWER_ON: u16 = 0x971C;
/// Without an alert threshold.
const CONFIG_OF_MAX17040: u16 = 0x9700;
/// RI: the chip has started since somebody cleared this.
const RESET_INDICATOR: u16 = 1 << 8;
const POWER_ON_RESET: u16 = 0x5400;
/// Of the MAX17043, and the 16 steps of the MAX17048 below it.
const VCELL_LSB: f64 = 1.25e-3;

/// A gauge of one lithium cell on a [`SimulatedBus`](crate::SimulatedBus), fed by that cell: the pin's voltage.
///
/// SOC is a straight line from 3.0 to 4.2 V: no model of the cell, and nothing that a driver should believe.
#[derive(Debug)]
pub struct Max17048(RegisterChip<GaugeRegisters>);

on_a_bus!(Max17048);

impl Max17048 {
    /// A MAX17048 that has just been powered by `terminals`.
    pub fn new(terminals: Terminals) -> Self {
        Self::with_clock(terminals, Clock::monotonic())
    }

    /// The same, converting by `clock`.
    pub fn with_clock(terminals: Terminals, clock: Clock) -> Self {
        Self::powered(0x0012, Duration::from_millis(250), terminals, clock)
    }

    /// A MAX17043, converting by `clock`.
    pub fn max17043(terminals: Terminals, clock: Clock) -> Self {
        Self::powered(0x0003, Duration::from_millis(500), terminals, clock)
    }

    /// A MAX17040, converting by `clock`.
    pub fn max17040(terminals: Terminals, clock: Clock) -> Self {
        Self::powered(0x0002, Duration::from_millis(500), terminals, clock)
    }

    /// Answers `version` at 0x08, as another chip does.
    #[must_use]
    pub fn with_version(mut self, version: u16) -> Self {
        self.0.registers.version = version;
        self
    }

    fn powered(version: u16, period: Duration, terminals: Terminals, clock: Clock) -> Self {
        let inputs = Inputs::new(terminals, clock);
        let registers =
            GaugeRegisters { version, period, inputs, config: 0, status: 0, millivolts: 0, fine: 0 };
        Self(RegisterChip::powered(registers))
    }
}

#[derive(Debug)]
struct GaugeRegisters {
    version: u16,
    period: Duration,
    inputs: Inputs,
    config: u16,
    status: u16,
    /// VCELL in steps of 1.25 mV.
    millivolts: i16,
    /// VCELL in steps of 78.125 µV, halved to fit.
    fine: i16,
}

impl GaugeRegisters {
    fn has_status(&self) -> bool {
        self.version >> 4 == 1
    }

    fn vcell(&self) -> u16 {
        if self.has_status() { self.fine.cast_unsigned() << 1 } else { self.millivolts.cast_unsigned() << 4 }
    }
}

impl Registers for GaugeRegisters {
    fn power_on(&mut self) {
        self.config = if self.version == 0x0002 { CONFIG_OF_MAX17040 } else { CONFIG_AT_POWER_ON };
        self.status = RESET_INDICATOR;
        (self.millivolts, self.fine) = (0, 0);
        self.inputs.restart(Mode::Continuous(self.period));
    }

    fn load(&mut self, register: u8) -> Word {
        if let Some(levels) = self.inputs.converted() {
            self.millivolts = quantise(levels.pin_volts, VCELL_LSB, 0..=0xFFF);
            self.fine = quantise(levels.pin_volts, VCELL_LSB / 8.0, 0..=i16::MAX);
        }
        let word = match register {
            VCELL => self.vcell(),
            SOC => {
                let percent = (f64::from(self.millivolts) * VCELL_LSB - 3.0) / 1.2 * 100.0;
                quantise(percent, 1.0 / 256.0, 0..=25_600).cast_unsigned()
            }
            VERSION => self.version,
            CONFIG => self.config,
            CRATE if self.has_status() => 0,
            STATUS if self.has_status() => self.status,
            _ => 0,
        };
        word.into()
    }

    fn store(&mut self, register: u8, word: u16) {
        match register {
            CONFIG => self.config = word,
            STATUS if self.has_status() => self.status = word & 0x7F00,
            COMMAND if word == POWER_ON_RESET => self.power_on(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::bench::Bench;

    #[test]
    fn the_cells_voltage_is_the_same_number_in_both_with_fewer_bits_in_the_older() {
        for (plug, vcell) in [(Max17048::with_clock as fn(_, _) -> _, 0xBD70), (Max17048::max17043, 0xBD70)] {
            let mut bench = Bench::new(plug, 3.788_75, 0.0);
            assert_eq!(bench.get(VCELL), 0, "before the first conversion");
            bench.wait_ms(500);
            assert_eq!(bench.get(VCELL), vcell);
        }
    }

    #[test]
    fn the_reset_indicator_stays_cleared_until_the_supply_dips() {
        let mut bench = Bench::new(Max17048::with_clock, 3.7, 0.0);
        assert_eq!(bench.get(STATUS), RESET_INDICATOR);
        bench.set(STATUS, 0);
        assert_eq!(bench.get(STATUS), 0);
        bench.chip.faults().brown_out();
        assert_eq!((bench.get(STATUS), bench.get(VCELL)), (RESET_INDICATOR, 0));
    }

    #[test]
    fn each_has_its_version_and_the_older_has_no_status() {
        let mut bench = Bench::new(Max17048::max17043, 3.7, 0.0);
        assert_eq!((bench.get(VERSION), bench.get(STATUS)), (3, 0));
        bench.chip = Max17048::new(Terminals::default()).with_version(0xFFFF);
        assert_eq!(bench.get(VERSION), 0xFFFF);
    }
}
