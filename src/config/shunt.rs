//! The shunt as it is written: by its rating or by its resistance.

use super::mistake::Refusal;
use super::values::decimal;
use crate::sensor::Shunt;

/// From a bus bar of 1000 A to the 0.1 Ω of a hobby board, with room: Ω.
const OHMS: std::ops::RangeInclusive<f64> = 10e-6..=1.0;
/// Units of resistance in Ω. The prefix keeps its case: `M` would be a million, not a thousandth. µ has two
/// code points, U+00B5 and U+03BC; so has Ω, U+03A9 and U+2126.
const UNITS: [(&str, f64); 4] = [("u", 1e-6), ("\u{b5}", 1e-6), ("\u{3bc}", 1e-6), ("m", 1e-3)];

/// `100A/75mV`, `500uohm`, `0.5 mohm`, `0.1ohm`.
pub(super) fn parse(text: &str) -> Result<Shunt, Refusal> {
    let shunt = match text.split_once('/') {
        Some((amps, millivolts)) => by_rating(amps, millivolts)?,
        None => Shunt { ohms: resistance(text)?, rated_amps: None },
    };
    if OHMS.contains(&shunt.ohms) {
        Ok(shunt)
    } else {
        Err(format!("is {} Ω; expected 10 µΩ to 1 Ω", shunt.ohms).into())
    }
}

fn by_rating(amps: &str, millivolts: &str) -> Result<Shunt, Refusal> {
    let positive = |text: &str| decimal(text).filter(|value| *value > 0.0);
    let amps = strip_unit(amps, "A").and_then(positive);
    let millivolts = strip_unit(millivolts, "mV").and_then(positive);
    match (amps, millivolts) {
        (Some(amps), Some(millivolts)) => {
            Ok(Shunt { ohms: millivolts / 1000.0 / amps, rated_amps: Some(amps) })
        }
        _ => Err("expected its rating as amps, a slash and millivolts".into()),
    }
}

fn resistance(text: &str) -> Result<f64, Refusal> {
    if strip_unit(text, "A").is_some() {
        return Err("has its current alone; expected the millivolts at that current too".into());
    }
    let number = ["ohm", "\u{3a9}", "\u{2126}"].iter().find_map(|unit| strip_unit(text, unit));
    let Some(number) = number else {
        return Err("expected the rating printed on it, or a resistance in uohm, mohm or ohm".into());
    };
    let (digits, factor) = UNITS
        .iter()
        .find_map(|(prefix, factor)| Some((number.strip_suffix(prefix)?, *factor)))
        .unwrap_or((number, 1.0));
    let value = decimal(digits.trim_end()).ok_or("expected a number before uohm, mohm or ohm")?;
    Ok(value * factor)
}

/// `text` without `unit` at its end, in either case, and without the space between.
fn strip_unit<'a>(text: &'a str, unit: &str) -> Option<&'a str> {
    let text = text.trim();
    let (number, suffix) = text.split_at_checked(text.len().checked_sub(unit.len())?)?;
    suffix.eq_ignore_ascii_case(unit).then(|| number.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shunt_is_given_by_its_rating() {
        for text in ["100A/75mV", "100 a / 75 mv", "100.0A/75.0mV"] {
            let shunt = parse(text).unwrap();
            assert!((shunt.ohms - 750e-6).abs() < 1e-12, "{text}: {shunt:?}");
            assert_eq!(shunt.rated_amps, Some(100.0), "{text}");
        }
    }

    #[test]
    fn a_shunt_is_given_by_its_resistance() {
        let half_milli = [
            "500uohm",
            "500 µohm",
            "500\u{3bc}ohm",
            "0.5mohm",
            "0.0005 ohm",
            "0.5 mΩ",
            "500µ\u{2126}",
            "5e-4OHM",
        ];
        for text in half_milli {
            let shunt = parse(text).unwrap();
            assert!((shunt.ohms - 500e-6).abs() < 1e-12, "{text}: {shunt:?}");
            assert_eq!(shunt.rated_amps, None, "{text}");
        }
    }

    #[test]
    fn what_is_no_shunt_is_refused() {
        let bad = [
            "",
            "/",
            "100A",
            "75mV",
            "100",
            "100A/",
            "/75mV",
            "100A/75",
            "100/75mV",
            "0A/75mV",
            "-100A/75mV",
            "100A/75mV/2",
            "nanohm",
            "infohm",
            "1Mohm",
            "2ohm",
            "9uohm",
            "-500uohm",
            "ohm",
            "uohm",
            "1e-400ohm",
            "100A/75V",
            "µ",
            "100mA/75mV",
        ];
        for text in bad {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
