//! Numbers as bytes, little endian.

use super::SavedError;
use crate::battery::axis::{Axis, LONGEST};

#[expect(clippy::cast_possible_truncation, reason = "single precision is ample for what is learned")]
pub(super) fn put(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&(value as f32).to_le_bytes());
}

/// The whole number at or below `value`, within 16 bits. Without a call for each, as `f64::floor` is where the processor may
/// be old: there are 640 of them.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(super) fn below(value: f64) -> i32 {
    let cut = (value as i32).clamp(-0x7FFF, 0x7FFF);
    cut - i32::from(f64::from(cut) > value)
}

#[expect(clippy::cast_possible_truncation, reason = "clamped")]
pub(super) fn two_bytes(steps: i32) -> [u8; 2] {
    (steps.clamp(i16::MIN.into(), i16::MAX.into()) as i16).to_le_bytes()
}

/// What is left to be read.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], SavedError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(SavedError::Damaged)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, SavedError> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Result<f64, SavedError> {
        let value = f64::from(f32::from_le_bytes(self.take()?));
        if value.is_finite() { Ok(value) } else { Err(SavedError::Damaged) }
    }

    pub(super) fn steps(&mut self) -> Result<f64, SavedError> {
        self.take().map(i16::from_le_bytes).map(f64::from)
    }

    pub(super) fn axis(&mut self, axis: &mut Axis, has_likelihoods: bool) -> Result<(), SavedError> {
        let (mut values, mut likelihoods) = ([0.0; LONGEST], [1.0; LONGEST]);
        for value in &mut values {
            *value = self.number()?;
        }
        if has_likelihoods {
            for likelihood in &mut likelihoods {
                *likelihood = self.number()?;
            }
        }
        if axis.restore(values, likelihoods) { Ok(()) } else { Err(SavedError::Damaged) }
    }
}
