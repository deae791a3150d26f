//! Numbers in as few bytes as they need: LEB128, signed ones in zigzag.

use super::CodecError;

/// LEB128: seven bits a byte, the lowest first.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Small numbers of either sign take few bytes: 0, −1, 1, −2, … are written as 0, 1, 2, 3, …
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// The difference of `value` from `last`, which becomes `value`.
pub(super) fn put_step(out: &mut Vec<u8>, last: &mut i64, value: i64) {
    put_signed(out, value.wrapping_sub(*last));
    *last = value;
}

/// The bytes still to be read.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        let (&byte, rest) = self.0.split_first().ok_or(CodecError::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    /// What [`put`] wrote.
    pub(super) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Unknown("number"))
    }

    /// What [`put_signed`] wrote.
    pub(super) fn signed(&mut self) -> Result<i64, CodecError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// What [`put_step`] wrote after the same `last`.
    pub(super) fn step(&mut self, last: &mut i64) -> Result<i64, CodecError> {
        *last = last.wrapping_add(self.signed()?);
        Ok(*last)
    }
}
