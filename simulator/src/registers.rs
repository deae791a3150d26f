//! What TI's current monitors have in common: a register pointer, 16-bit words and an A/D converter that
//! takes its time.

use std::time::Duration;

use crate::bus::BusFault;
use crate::faults::Faults;

/// The registers behind the pointer.
pub(crate) trait Registers {
    /// Loads the power-on values.
    fn power_on(&mut self);
    /// The word at `register`, with the side effects of reading it; 0 where there is no register.
    fn load(&mut self, register: u8) -> u16;
    /// Writes `word`; nothing happens where `register` is read-only or missing.
    fn store(&mut self, register: u8, word: u16);
}

/// The side of the chip that faces the wires: the first byte written sets the register pointer, which stays
/// until the next write; words travel most significant byte first (INA219 datasheet SBOS448G, 8.5.6).
#[derive(Debug, Default)]
pub(crate) struct Interface {
    pointer: u8,
    pub(crate) faults: Faults,
}

impl Interface {
    pub(crate) fn write(&mut self, registers: &mut impl Registers, bytes: &[u8]) -> Result<(), BusFault> {
        self.begin(registers)?;
        let Some((&pointer, data)) = bytes.split_first() else { return Ok(()) };
        self.pointer = pointer;
        if let &[high, low, ..] = data {
            registers.store(pointer, u16::from_be_bytes([high, low]));
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, registers: &mut impl Registers, buffer: &mut [u8]) -> Result<(), BusFault> {
        self.begin(registers)?;
        // After a register's two bytes nobody drives SDA: the pull-up reads as ones.
        let word = registers.load(self.pointer).to_be_bytes();
        let bytes = word.into_iter().chain(std::iter::repeat(0xFF));
        buffer.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        Ok(())
    }

    fn begin(&mut self, registers: &mut impl Registers) -> Result<(), BusFault> {
        if self.faults.before_message()? {
            self.pointer = 0;
            registers.power_on();
        }
        Ok(())
    }
}

/// When the converter has a new result.
#[derive(Debug, Default)]
pub(crate) struct Converter {
    started: Duration,
    seen: u128,
    mode: Mode,
}

/// The operating mode of the converter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    PowerDown,
    /// One conversion a write to the configuration register.
    Triggered(Duration),
    /// One conversion after the other.
    Continuous(Duration),
}

impl Converter {
    pub(crate) fn start(&mut self, now: Duration, mode: Mode) {
        *self = Self { started: now, seen: 0, mode };
    }

    /// Whether a conversion has ended since the last call.
    pub(crate) fn finished(&mut self, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.started).as_nanos();
        let ended = match self.mode {
            Mode::PowerDown => 0,
            Mode::Triggered(period) => u128::from(elapsed >= period.as_nanos()),
            Mode::Continuous(period) => elapsed / period.as_nanos().max(1),
        };
        let fresh = ended > self.seen;
        self.seen = ended;
        fresh
    }
}

/// `volts` in steps of `lsb` volts, rounded, and held at the ends of `range`, as a converter does.
pub(crate) fn quantise(volts: f64, lsb: f64, range: std::ops::RangeInclusive<i16>) -> i16 {
    let steps = (volts / lsb).round().clamp(f64::from(*range.start()), f64::from(*range.end()));
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a range of i16; NaN becomes 0")]
    let steps = steps as i16;
    steps
}
