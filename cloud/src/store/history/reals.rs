//! Doubles as bytes, every bit of them.
//!
//! Measured numbers are nearly always short decimals: these are written as whole numbers of their last digit. Others are
//! written by their bits.

use super::bytes::{Damaged, Reader};
use super::column::{ints, put_ints};

/// In the place of the number of digits: the bits of the values.
const BITS: u8 = 0xff;
const POWERS: [f64; 7] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Whole numbers beyond it are not all doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The values, none of them NaN.
pub(super) fn encode(values: &[f64]) -> Vec<u8> {
    if let Some((digits, scaled)) = as_decimals(values) {
        let mut out = vec![digits];
        out.extend(put_ints(&scaled));
        return out;
    }
    let mut out = vec![BITS];
    out.extend(planes(values));
    out
}

/// The counterpart.
pub(super) fn decode(plain: &mut Reader<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    let digits = plain.byte()?;
    if digits == BITS {
        return bits(plain, count);
    }
    let power = *POWERS.get(usize::from(digits)).ok_or(Damaged("a decimal has too many digits"))?;
    Ok(ints(plain, count)?.into_iter().map(|scaled| scaled as f64 / power).collect())
}

/// The bits of the values.
fn planes(values: &[f64]) -> Vec<u8> {
    // Neighbours share their leading bytes, so the first bytes of all come first.
    let mut out = vec![0; values.len() * 8];
    let mut last = 0;
    for (n, value) in values.iter().enumerate() {
        let change = value.to_bits() ^ last;
        last = value.to_bits();
        for (plane, byte) in change.to_be_bytes().into_iter().enumerate() {
            if let Some(slot) = out.get_mut(plane * values.len() + n) {
                *slot = byte;
            }
        }
    }
    out
}

/// The values as whole numbers of a decimal digit, if every bit of them is in these.
fn as_decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut digits = 0;
    for &value in values {
        while scaled(value, *POWERS.get(usize::from(digits))?).is_none() {
            digits += 1;
        }
    }
    let power = *POWERS.get(usize::from(digits))?;
    Some((digits, values.iter().map(|&value| scaled(value, power)).collect::<Option<_>>()?))
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
fn scaled(value: f64, power: f64) -> Option<i64> {
    let scaled = (value * power).round();
    if scaled.abs() >= EXACT {
        return None;
    }
    let scaled = scaled as i64;
    // By its bits: −0 is not 0.
    (((scaled as f64) / power).to_bits() == value.to_bits()).then_some(scaled)
}

fn bits(plain: &mut Reader<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    let mut values = vec![0_u64; if count <= plain.0.len() { count } else { 0 }];
    for _ in 0..8 {
        let plane = plain.take(count)?;
        for (value, &byte) in values.iter_mut().zip(plane) {
            *value = *value << 8 | u64::from(byte);
        }
    }
    let mut last = 0;
    for value in &mut values {
        last ^= *value;
        *value = last;
    }
    Ok(values.into_iter().map(f64::from_bits).collect())
}
