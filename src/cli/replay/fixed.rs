//! Percentages as text with three decimals: the formatter of the standard library would cost more than the estimate.

/// Appends `percent`, 0 to 100, as `12.345`.
pub(super) fn push(out: &mut Vec<u8>, percent: f64) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100000")]
    let mut thousandths = (percent * 1000.0).round().clamp(0.0, 100_000.0) as u32;
    let mut digits = [b'0'; 7];
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        if place == 3 {
            *digit = b'.';
            continue;
        }
        *digit += u8::try_from(thousandths % 10).unwrap_or(0);
        thousandths /= 10;
    }
    let start = digits.iter().take(2).take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_three_decimals_and_no_leading_zeros() {
        for (percent, expected) in [
            (0.0, "0.000"),
            (100.0, "100.000"),
            (5.0604, "5.060"),
            (54.5035, "54.504"),
            (f64::NAN, "0.000"),
            (-3.0, "0.000"),
        ] {
            let mut out = Vec::new();
            push(&mut out, percent);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
