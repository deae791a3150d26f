//! What a datasheet says of a chip that is nothing but registers behind a pointer: what to do with it is the same for
//! all of them (`registers.rs`, `look.rs`).

use super::convert::Scale;

/// A register.
#[derive(Debug, Clone, Copy)]
pub(super) struct Register {
    pub(super) number: u8,
    pub(super) name: &'static str,
    /// Its length on the wire, most significant byte first.
    pub(super) bytes: usize,
    /// What is being done, for an error.
    pub(super) reading: &'static str,
    pub(super) writing: &'static str,
}

/// A [`Register`] by number, name and length in bytes.
macro_rules! register {
    ($number:literal, $name:literal, $bytes:literal) => {
        $crate::sensor::datasheet::Register {
            number: $number,
            name: $name,
            bytes: $bytes,
            reading: concat!("reading ", $name),
            writing: concat!("writing ", $name),
        }
    };
}
pub(super) use register;

/// A chip.
#[derive(Debug, Clone)]
pub(super) struct Datasheet {
    /// Part number.
    pub(super) chip: &'static str,
    /// What tells it from other chips, all read before anything is written.
    pub(super) ids: &'static [Register],
    /// Whether those are its ids; else what answers instead.
    pub(super) identify: fn(&[u16]) -> Result<(), String>,
    /// What it is given. The last is one that a restart changes.
    pub(super) settings: Vec<Setting>,
    /// When there is a new result.
    pub(super) ready: Ready,
    pub(super) bus: Field,
    /// `None` if it measures no current.
    pub(super) shunt: Option<Field>,
    /// What counts the charge in steps of the shunt's voltage times s, 40 bits.
    pub(super) charge: Option<Register>,
    /// By the word in the first of `settings`.
    pub(super) scale: fn(u16) -> Scale,
    /// Whether it measures nothing by itself, by the words in `settings`.
    pub(super) sleeps: fn(&[u16]) -> bool,
    /// More registers that are worth a look.
    pub(super) also: &'static [Register],
}

/// A word that a register shall hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) register: Register,
    pub(super) word: u16,
    /// The bits that keep what was written; the others are flags.
    pub(super) kept: u16,
    /// What it is when the chip has just started; relatives may differ.
    pub(super) at_power_on: &'static [u16],
}

impl Setting {
    /// Whether `word` is what the register holds when the chip has just started.
    pub(super) fn is_at_power_on(&self, word: u16) -> bool {
        self.at_power_on.iter().any(|fresh| (fresh ^ word) & self.kept == 0)
    }
}

/// A number in a register, in its upper bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) register: Register,
    /// Bits below the number.
    pub(super) shift: u32,
    /// Whether it is two's complement.
    pub(super) is_signed: bool,
}

/// When there is a new result.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ready {
    /// This bit of the register is set by a conversion and cleared by reading.
    Flag(Register, u16),
    /// All the time, from so many ms after the chip was set up.
    After(u32),
    /// All the time, once it is not 0: the chip is fed by what it measures.
    Nonzero,
}

impl Field {
    /// The number in what the register reads. No field of a voltage has more than 24 bits.
    pub(super) fn steps(self, bits: u64) -> i32 {
        let unused = 64 - 8 * self.register.bytes;
        let number = if self.is_signed {
            (bits << unused).cast_signed() >> unused >> self.shift
        } else {
            (bits >> self.shift).cast_signed()
        };
        i32::try_from(number).unwrap_or(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_the_upper_bits_of_a_register_keeps_its_sign() {
        let field = Field { register: register!(0x04, "VSHUNT", 3), shift: 4, is_signed: true };
        for (bits, number) in
            [(0x7F_FFF0, 524_287), (0x80_0000, -524_288), (0xFF_FFF0, -1), (0x00_0010, 1), (0, 0)]
        {
            assert_eq!(field.steps(bits), number);
        }
        assert_eq!(Field { is_signed: false, ..field }.steps(0xFF_FFF0), 0xF_FFFF);
    }
}
