//! What goes over the wires in one transfer.

use std::fmt;

/// One message of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The address that is called.
    pub(crate) address: u16,
    /// What is written, or read.
    pub(crate) data: Data,
}

/// The bytes of a message and their direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    /// To the chip.
    Write(Vec<u8>),
    /// From the chip; as long as asked for, and filled by the transfer.
    Read(Vec<u8>),
}

impl Message {
    pub(crate) fn write(address: u16, bytes: Vec<u8>) -> Self {
        Self { address, data: Data::Write(bytes) }
    }

    pub(crate) fn read(address: u16, length: usize) -> Self {
        Self { address, data: Data::Read(vec![0; length]) }
    }
}

/// As the log shows it: `w@0x40:0200`, `r@0x40:1f42`, a quick write `w@0x40:`.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (letter, bytes) = match &self.data {
            Data::Write(bytes) => ('w', bytes),
            Data::Read(bytes) => ('r', bytes),
        };
        write!(f, "{letter}@{:#04x}:", self.address)?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
