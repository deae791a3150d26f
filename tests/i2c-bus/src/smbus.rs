//! `SMBus` calls as the I2C transfers that the kernel makes of them (`i2c_smbus_xfer_emulated`).

use rustix::io::Errno;

use crate::wire::{Data, Message};

/// `union i2c_smbus_data`: a byte, a little-endian word, or a length and up to 32 bytes.
pub(crate) type Block = [u8; 34];

const BLOCK_MAX: usize = 32;

/// The kinds of transaction (`linux/i2c.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Quick,
    Byte,
    ByteData,
    WordData,
    ProcessCall,
    BlockData,
    I2cBlockBroken,
    BlockProcessCall,
    I2cBlockData,
}

impl Kind {
    /// The kind that `i2c_smbus_ioctl_data.size` names.
    pub(crate) fn from_size(size: u32) -> Result<Self, Errno> {
        Ok(match size {
            0 => Self::Quick,
            1 => Self::Byte,
            2 => Self::ByteData,
            3 => Self::WordData,
            4 => Self::ProcessCall,
            5 => Self::BlockData,
            6 => Self::I2cBlockBroken,
            7 => Self::BlockProcessCall,
            8 => Self::I2cBlockData,
            _ => return Err(Errno::INVAL),
        })
    }

    /// How many bytes of the union travel between the caller and the kernel.
    pub(crate) fn union_length(self) -> usize {
        match self {
            Self::Quick => 0,
            Self::Byte | Self::ByteData => 1,
            Self::WordData | Self::ProcessCall => 2,
            Self::BlockData | Self::I2cBlockBroken | Self::BlockProcessCall | Self::I2cBlockData => {
                BLOCK_MAX + 2
            }
        }
    }

    /// Whether the caller's union is read, besides by every write.
    pub(crate) fn sends_data_even_to_read(self) -> bool {
        matches!(self, Self::ProcessCall | Self::BlockProcessCall | Self::I2cBlockData)
    }
}

/// The messages of a transaction. Block reads whose length comes from the chip are refused: the Pi's
/// controller cannot do them, and the simulated chips have none.
pub(crate) fn messages(
    kind: Kind,
    reads: bool,
    address: u16,
    command: u8,
    data: &Block,
) -> Result<Vec<Message>, Errno> {
    let &[first, second, ..] = data;
    let write = |bytes: &[u8]| Message::write(address, [&[command], bytes].concat());
    let read = |length| Message::read(address, length);
    Ok(match (kind, reads) {
        (Kind::Quick, false) => vec![Message::write(address, Vec::new())],
        (Kind::Quick, true) => vec![read(0)],
        (Kind::Byte, false) => vec![write(&[])],
        (Kind::Byte, true) => vec![read(1)],
        (Kind::ByteData, false) => vec![write(&[first])],
        (Kind::ByteData, true) => vec![write(&[]), read(1)],
        (Kind::WordData, false) => vec![write(&[first, second])],
        (Kind::WordData, true) => vec![write(&[]), read(2)],
        (Kind::ProcessCall, _) => vec![write(&[first, second]), read(2)],
        // The length goes over the wire too.
        (Kind::BlockData, false) => vec![write(data.get(..=block_length(first)?).ok_or(Errno::INVAL)?)],
        (Kind::I2cBlockData | Kind::I2cBlockBroken, false) => {
            vec![write(data.get(1..=block_length(first)?).ok_or(Errno::INVAL)?)]
        }
        (Kind::I2cBlockData, true) => vec![write(&[]), read(block_length(first)?)],
        (Kind::I2cBlockBroken, true) => vec![write(&[]), read(BLOCK_MAX)],
        (Kind::BlockData, true) | (Kind::BlockProcessCall, _) => return Err(Errno::OPNOTSUPP),
    })
}

/// Puts what the transfer read into the union; `false` if nothing was read.
pub(crate) fn store(kind: Kind, messages: &[Message], data: &mut Block) -> bool {
    let Some(Data::Read(bytes)) = messages.last().map(|message| &message.data) else { return false };
    let (length, room) = data.split_at_mut(1);
    let room = if matches!(kind, Kind::I2cBlockData | Kind::I2cBlockBroken) {
        if let (Some(slot), Ok(count)) = (length.first_mut(), u8::try_from(bytes.len())) {
            *slot = count;
        }
        room
    } else {
        data.as_mut_slice()
    };
    room.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    true
}

fn block_length(first: u8) -> Result<usize, Errno> {
    let length = usize::from(first);
    if length > BLOCK_MAX { Err(Errno::INVAL) } else { Ok(length) }
}
