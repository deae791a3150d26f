//! What chips with a register pointer have in common: words behind it, faults, and an A/D converter that takes
//! its time.

use std::time::Duration;

use crate::bus::BusFault;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::terminals::{Levels, Terminals};

/// The registers behind the pointer.
pub(crate) trait Registers {
    /// Loads the power-on values.
    fn power_on(&mut self);
    /// The word at `register`, with the side effects of reading it; 0 where there is no register.
    fn load(&mut self, register: u8) -> Word;
    /// Writes `word`; nothing happens where `register` is read-only or missing.
    fn store(&mut self, register: u8, word: u16);
}

/// What a register reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// The register, right-aligned.
    pub(crate) bits: u64,
    /// Its length on the wire, 1 to 8.
    pub(crate) bytes: usize,
}

impl From<u16> for Word {
    fn from(word: u16) -> Self {
        Self { bits: word.into(), bytes: 2 }
    }
}

impl Word {
    /// A two's complement number of up to 8 bytes.
    pub(crate) fn signed(value: i64, bytes: usize) -> Self {
        Self { bits: value.cast_unsigned(), bytes }
    }
}

/// A chip as the wires see it: the first byte written sets the register pointer, which stays until the next
/// write; words travel most significant byte first (INA219 datasheet SBOS448G, 8.5.6).
#[derive(Debug)]
pub(crate) struct RegisterChip<R> {
    pub(crate) registers: R,
    pub(crate) faults: Faults,
    pointer: u8,
}

impl<R: Registers> RegisterChip<R> {
    /// A chip that has just been powered.
    pub(crate) fn powered(mut registers: R) -> Self {
        registers.power_on();
        Self { registers, faults: Faults::default(), pointer: 0 }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), BusFault> {
        self.begin()?;
        let Some((&pointer, data)) = bytes.split_first() else { return Ok(()) };
        self.pointer = pointer;
        if let &[high, low, ..] = data {
            self.registers.store(pointer, u16::from_be_bytes([high, low]));
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault> {
        self.begin()?;
        let word = self.registers.load(self.pointer);
        let bytes = word.bits.to_be_bytes();
        // After a register's bytes nobody drives SDA: the pull-up reads as ones.
        let bytes = bytes.into_iter().skip(bytes.len() - word.bytes).chain(std::iter::repeat(0xFF));
        buffer.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), BusFault> {
        if self.faults.before_message()? {
            self.pointer = 0;
            self.registers.power_on();
        }
        Ok(())
    }
}

/// Gives the chip `$chip`, which is a [`RegisterChip`] with a name, its side to the bus and to a test.
macro_rules! on_a_bus {
    ($chip:ident) => {
        impl $crate::bus::Chip for $chip {
            fn write(&mut self, bytes: &[u8]) -> Result<(), $crate::bus::BusFault> {
                self.0.write(bytes)
            }

            fn read(&mut self, buffer: &mut [u8]) -> Result<(), $crate::bus::BusFault> {
                self.0.read(buffer)
            }
        }

        impl $chip {
            /// The handle to this chip's faults.
            pub fn faults(&self) -> $crate::faults::Faults {
                self.0.faults.clone()
            }
        }
    };
}
pub(crate) use on_a_bus;

/// The pins of a chip and the converter behind them.
#[derive(Debug)]
pub(crate) struct Inputs {
    terminals: Terminals,
    clock: Clock,
    converter: Converter,
}

impl Inputs {
    pub(crate) fn new(terminals: Terminals, clock: Clock) -> Self {
        Self { terminals, clock, converter: Converter::default() }
    }

    /// Begins to convert anew.
    pub(crate) fn restart(&mut self, mode: Mode) {
        self.converter.start(self.clock.now(), mode);
    }

    /// What is on the pins, if a conversion has ended since the last call.
    pub(crate) fn converted(&mut self) -> Option<Levels> {
        self.conversions().map(|(levels, _)| levels)
    }

    /// The same, with the time that all conversions since the last call have taken.
    pub(crate) fn conversions(&mut self) -> Option<(Levels, Duration)> {
        let time = self.converter.finished(self.clock.now())?;
        Some((self.terminals.levels(), time))
    }
}

/// When the converter has a new result.
#[derive(Debug, Default)]
struct Converter {
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

impl Mode {
    /// By the three mode bits of an INA219 or INA226, and how long a conversion of each input takes.
    pub(crate) fn of_bits(configuration: u16, shunt: Duration, bus: Duration) -> Self {
        match configuration & 0b111 {
            0b001 => Self::Triggered(shunt),
            0b010 => Self::Triggered(bus),
            0b011 => Self::Triggered(shunt + bus),
            0b101 => Self::Continuous(shunt),
            0b110 => Self::Continuous(bus),
            0b111 => Self::Continuous(shunt + bus),
            _ => Self::PowerDown,
        }
    }
}

impl Converter {
    fn start(&mut self, now: Duration, mode: Mode) {
        *self = Self { started: now, seen: 0, mode };
    }

    /// How long the conversions that have ended since the last call took together, if one has.
    fn finished(&mut self, now: Duration) -> Option<Duration> {
        let elapsed = now.saturating_sub(self.started).as_nanos();
        let (ended, period) = match self.mode {
            Mode::PowerDown => (0, Duration::ZERO),
            Mode::Triggered(period) => (u128::from(elapsed >= period.as_nanos()), period),
            Mode::Continuous(period) => (elapsed / period.as_nanos().max(1), period),
        };
        let fresh = ended.saturating_sub(self.seen);
        self.seen = ended;
        let nanos = u64::try_from(period.as_nanos() * fresh).unwrap_or(u64::MAX);
        (fresh > 0).then(|| Duration::from_nanos(nanos))
    }
}

/// `volts` in steps of `lsb` volts, rounded, and held at the ends of `range`, as a converter does.
pub(crate) fn quantise(volts: f64, lsb: f64, range: std::ops::RangeInclusive<i16>) -> i16 {
    let steps = (volts / lsb).round().clamp(f64::from(*range.start()), f64::from(*range.end()));
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a range of i16; NaN becomes 0")]
    let steps = steps as i16;
    steps
}

/// A chip on a test's desk: its pins, its time and its registers.
#[cfg(test)]
pub(crate) mod bench {
    use std::time::Duration;

    use crate::bus::Chip;
    use crate::clock::{Clock, ManualClock};
    use crate::terminals::Terminals;

    pub(crate) struct Bench<C> {
        pub(crate) chip: C,
        pub(crate) terminals: Terminals,
        pub(crate) hand: ManualClock,
    }

    impl<C: Chip> Bench<C> {
        /// A chip that `plug` makes, with its first conversions behind it.
        pub(crate) fn new(
            plug: impl FnOnce(Terminals, Clock) -> C,
            pin_volts: f64,
            shunt_volts: f64,
        ) -> Self {
            let terminals = Terminals::new(pin_volts, shunt_volts);
            let hand = ManualClock::new();
            let chip = plug(terminals.clone(), hand.clock());
            let mut bench = Self { chip, terminals, hand };
            bench.wait_ms(5);
            bench
        }

        pub(crate) fn wait_ms(&mut self, milliseconds: u64) {
            self.hand.advance(Duration::from_millis(milliseconds));
        }

        pub(crate) fn get_bytes<const N: usize>(&mut self, register: u8) -> [u8; N] {
            let mut bytes = [0; N];
            self.chip.write(&[register]).unwrap();
            self.chip.read(&mut bytes).unwrap();
            bytes
        }

        pub(crate) fn get(&mut self, register: u8) -> u16 {
            u16::from_be_bytes(self.get_bytes(register))
        }

        pub(crate) fn set(&mut self, register: u8, word: u16) {
            let [high, low] = word.to_be_bytes();
            self.chip.write(&[register, high, low]).unwrap();
        }
    }
}
