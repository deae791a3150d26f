//! Numbers as bytes: small ones take few.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use rusqlite::types::Type;

/// No column of a block is longer than this when unpacked, in bytes: what claims to be is damaged.
const MAX_BYTES: usize = 256 << 20;

/// The most samples of a block.
const MAX_COUNT: usize = 1 << 20;

/// What was read is not what was written: the disk has changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged(pub &'static str);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stored history is damaged ({}): restore a backup", self.0)
    }
}

impl std::error::Error for Damaged {}

impl From<Damaged> for rusqlite::Error {
    fn from(damaged: Damaged) -> Self {
        Self::FromSqlConversionFailure(0, Type::Blob, Box::new(damaged))
    }
}

/// Whether reading has failed for what the disk has done to what is read, and not to the database as a whole.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
        || error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
}

/// LEB128.
pub(super) fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Zigzag: small amounts of either sign are short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Reads what was put, from the front.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let (&first, rest) = self.0.split_first().ok_or(Damaged("it ends early"))?;
        self.0 = rest;
        Ok(first)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// What [`put_unsigned`] has written.
    pub fn unsigned(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged("a number does not end"))
    }

    /// The same, as a length.
    pub fn length(&mut self) -> Result<usize, Damaged> {
        let length = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        if length > MAX_BYTES { Err(Damaged("a length is impossible")) } else { Ok(length) }
    }

    /// How many samples or minutes.
    pub fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.length()?;
        if count > MAX_COUNT { Err(Damaged("a count is impossible")) } else { Ok(count) }
    }

    /// What [`put_signed`] has written.
    pub fn signed(&mut self) -> Result<i64, Damaged> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A double by its bits.
    pub fn real(&mut self) -> Result<f64, Damaged> {
        let bytes = self.take(8)?.try_into().unwrap_or_default();
        Ok(f64::from_le_bytes(bytes))
    }
}

/// Deflate, with its memory kept for the next call.
pub struct Packer(Compress);

impl Default for Packer {
    fn default() -> Self {
        Self(Compress::new(Compression::default(), false))
    }
}

impl Packer {
    /// The bytes packed; none when that does not make them fewer.
    pub fn pack(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.reset();
        let mut packed = Vec::with_capacity(plain.len());
        match self.0.compress_vec(plain, &mut packed, FlushCompress::Finish) {
            // It stops where the packed would be as long as the plain.
            Ok(Status::StreamEnd) if packed.len() < plain.len() => Some(packed),
            _ => None,
        }
    }
}

/// Its counterpart.
pub struct Unpacker(Decompress);

impl Default for Unpacker {
    fn default() -> Self {
        Self(Decompress::new(false))
    }
}

impl Unpacker {
    /// The `length` bytes that were packed.
    pub fn unpack(&mut self, packed: &[u8], length: usize) -> Result<Vec<u8>, Damaged> {
        self.0.reset(false);
        let mut plain = Vec::with_capacity(length);
        match self.0.decompress_vec(packed, &mut plain, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) if plain.len() == length => Ok(plain),
            _ => Err(Damaged("it cannot be unpacked")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_put(signed: Vec<i64>, unsigned: Vec<u64>) {
            let mut bytes = Vec::new();
            for &n in &signed {
                put_signed(&mut bytes, n);
            }
            for &n in &unsigned {
                put_unsigned(&mut bytes, n);
            }
            let mut reader = Reader(&bytes);
            for n in signed {
                prop_assert_eq!(reader.signed(), Ok(n));
            }
            for n in unsigned {
                prop_assert_eq!(reader.unsigned(), Ok(n));
            }
            prop_assert!(reader.0.is_empty() && reader.signed().is_err());
        }

        #[test]
        fn what_is_packed_is_unpacked_and_noise_is_refused(runs in prop::collection::vec((any::<u8>(), 1usize..300), 1..20)) {
            let plain: Vec<u8> = runs.into_iter().flat_map(|(byte, count)| vec![byte; count]).collect();
            if let Some(packed) = Packer::default().pack(&plain) {
                let mut unpacker = Unpacker::default();
                prop_assert!(unpacker.unpack(&packed, plain.len() + 1).is_err());
                prop_assert!(unpacker.unpack(&packed[1..], plain.len()).map_or(true, |other| other != plain));
                prop_assert_eq!(unpacker.unpack(&packed, plain.len()), Ok(plain));
            }
        }
    }
}
