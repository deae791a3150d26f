//! Values that are a number, a word or a path.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ems_protocol::DeviceId;
use tracing::Level;

use super::mistake::Refusal;
use crate::battery::Chemistry;
use crate::command::Allowed;
use crate::outputs::Plan;
use crate::sensor::{CurrentSign, SenseInterval, SensorKind};

pub(super) fn device_id(text: &str) -> Result<DeviceId, Refusal> {
    // It would be a valid name, and travel in URLs.
    if text.starts_with("sk_") {
        return Err("looks like a token, which goes into API_TOKEN; expected this device's name".into());
    }
    text.parse().map_err(|_| {
        "expected 1 to 63 characters of a-z, 0-9, '_' and '-', beginning with a letter or digit".into()
    })
}

pub(super) fn sensor(text: &str) -> Result<SensorKind, Refusal> {
    one_of(text, &SensorKind::WORDS)
}

pub(super) fn sensor_name(text: &str) -> Result<String, Refusal> {
    // It becomes part of a path.
    if text.starts_with('.') || text.contains(['/', ' ']) {
        return Err("expected the name of a device, not a path".into());
    }
    Ok(text.to_owned())
}

pub(super) fn serial_port(text: &str) -> Result<Option<PathBuf>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.starts_with("/dev/") && !text.contains("..") {
        return Ok(Some(text.into()));
    }
    Err("expected a serial port such as /dev/ttyACM0; `ls /dev/ttyACM* /dev/serial/by-id/*` lists them"
        .into())
}

pub(super) fn commands_allow(text: &str) -> Result<Allowed, Refusal> {
    Allowed::parse(text).map_err(|_| {
        "expected actions with commas between, such as PING,READ_NOW,RESTART; or all, or none".into()
    })
}

pub(super) fn outputs(text: &str) -> Result<Plan, Refusal> {
    Plan::parse(text).map_err(Refusal::from)
}

pub(super) fn output_time(text: &str) -> Result<Duration, Refusal> {
    duration(text, Duration::ZERO..=Duration::from_hours(1))
        .ok_or_else(|| "expected a time from 0s to 3600s".into())
}

pub(super) fn i2c_bus(text: &str) -> Result<PathBuf, Refusal> {
    if text.contains("/i2c-") {
        return Ok(PathBuf::from(text));
    }
    let number = digits::<u8>(text).ok_or("expected a bus number or a path such as /dev/i2c-1")?;
    Ok(PathBuf::from(format!("/dev/i2c-{number}")))
}

pub(super) fn i2c_address(text: &str) -> Result<u8, Refusal> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let address = match hexadecimal {
        Some(hex) => u8::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+')),
        None => digits(text),
    };
    // UM10204 table 3 reserves the addresses below 0x08 and above 0x77.
    address
        .filter(|address| (0x08..=0x77).contains(address))
        .ok_or_else(|| "expected an address from 0x08 to 0x77".into())
}

pub(super) fn current_sign(text: &str) -> Result<CurrentSign, Refusal> {
    match text {
        "1" | "+1" => Ok(CurrentSign::Normal),
        "-1" => Ok(CurrentSign::Inverted),
        _ => one_of(text, &[("normal", CurrentSign::Normal), ("inverted", CurrentSign::Inverted)]),
    }
}

pub(super) fn divider(text: &str) -> Result<f64, Refusal> {
    number(text, 1.0..=100.0)
}

pub(super) fn chemistry(text: &str) -> Result<Chemistry, Refusal> {
    let kinds = [("lfp", Chemistry::Lfp), ("nmc", Chemistry::Nmc), ("lead_acid", Chemistry::LeadAcid)];
    one_of(text, &kinds)
}

pub(super) fn cells_series(text: &str) -> Result<u16, Refusal> {
    digits(text)
        .filter(|cells| (1..=400).contains(cells))
        .ok_or_else(|| "expected a whole number from 1 to 400".into())
}

pub(super) fn capacity_ah(text: &str) -> Result<f64, Refusal> {
    number(text.strip_suffix("Ah").unwrap_or(text).trim_end(), 0.1..=100_000.0)
}

/// A current in A that the daemon's own board draws past the shunt.
pub(super) fn standby_current(text: &str) -> Result<f64, Refusal> {
    number(text.strip_suffix('A').unwrap_or(text).trim_end(), 0.0..=10.0)
}

/// A voltage of the pack in V; nothing is the chemistry's.
pub(super) fn pack_voltage(text: &str) -> Result<Option<f64>, Refusal> {
    unless_empty(text, |text| number(text.strip_suffix('V').unwrap_or(text).trim_end(), 0.5..=2000.0))
}

/// A current in A; nothing is the chemistry's.
pub(super) fn limit_current(text: &str) -> Result<Option<f64>, Refusal> {
    unless_empty(text, |text| number(text.strip_suffix('A').unwrap_or(text).trim_end(), 0.01..=100_000.0))
}

/// A temperature in °C; nothing is the chemistry's.
pub(super) fn temperature(text: &str) -> Result<Option<f64>, Refusal> {
    unless_empty(text, |text| number(text, -50.0..=100.0))
}

pub(super) fn percent(text: &str) -> Result<f64, Refusal> {
    number(text.strip_suffix('%').unwrap_or(text).trim_end(), 0.0..=100.0)
}

fn unless_empty(
    text: &str,
    parse: impl FnOnce(&str) -> Result<f64, Refusal>,
) -> Result<Option<f64>, Refusal> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

pub(super) fn sample_interval(text: &str) -> Result<Duration, Refusal> {
    duration(text, Duration::from_millis(100)..=Duration::from_mins(1))
        .ok_or_else(|| "expected a time from 100ms to 60s".into())
}

pub(super) fn sense_interval(text: &str) -> Result<SenseInterval, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(SenseInterval::Auto),
        "off" => Ok(SenseInterval::Off),
        _ => duration(text, Duration::from_millis(100)..=Duration::from_secs(10))
            .map(SenseInterval::Every)
            .ok_or_else(|| "expected auto, off, or a time from 100ms to 10s".into()),
    }
}

pub(super) fn flush_interval(text: &str) -> Result<Duration, Refusal> {
    duration(text, Duration::from_secs(5)..=Duration::from_mins(10))
        .ok_or_else(|| "expected a time from 5s to 600s".into())
}

pub(super) fn backlog_max_mb(text: &str) -> Result<u64, Refusal> {
    whole(text.strip_suffix("MB").unwrap_or(text).trim_end(), 1..=65_536)
}

pub(super) fn backlog_hours(text: &str) -> Result<u64, Refusal> {
    whole(text, 1..=87_600)
}

pub(super) fn backlog_rate(text: &str) -> Result<u32, Refusal> {
    whole(text, 1..=100_000)
}

pub(super) fn log_level(text: &str) -> Result<Level, Refusal> {
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    one_of(text, &levels)
}

pub(super) fn directory(text: &str) -> Result<PathBuf, Refusal> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err("expected an absolute path".into()) }
}

/// A finite decimal number, such as `-0.5` or `5e-4`, written with a point.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

fn number(text: &str, range: RangeInclusive<f64>) -> Result<f64, Refusal> {
    if text.contains(',') && decimal(&text.replace(',', ".")).is_some() {
        return Err(Refusal::write("expected a decimal point, not a comma", text.replace(',', ".")));
    }
    decimal(text)
        .filter(|value| range.contains(value))
        .ok_or_else(|| format!("expected a number from {} to {}", range.start(), range.end()).into())
}

/// `500ms`, `0.5s`, `1`: a number alone is seconds.
fn duration(text: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
    let milliseconds = match text.strip_suffix("ms") {
        Some(number) => decimal(number.trim_end())?,
        None => decimal(text.strip_suffix('s').unwrap_or(text).trim_end())? * 1000.0,
    };
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok().filter(|duration| range.contains(duration))
}

fn whole<T>(text: &str, range: RangeInclusive<T>) -> Result<T, Refusal>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let expected = format!("expected a whole number from {} to {}", range.start(), range.end());
    digits(text).filter(|number| range.contains(number)).ok_or_else(|| expected.as_str().into())
}

/// Digits alone: the standard parser takes a sign as well.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn one_of<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, Refusal> {
    let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let nearest = names.iter().max_by(|a, b| strsim::jaro(text, a).total_cmp(&strsim::jaro(text, b)));
        Refusal {
            why: format!("expected one of {}", names.join(", ")),
            write: nearest.map(ToString::to_string),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_a_number_or_a_path() {
        for (text, path) in
            [("1", "/dev/i2c-1"), ("/dev/i2c-20", "/dev/i2c-20"), ("/x/dev/i2c-1", "/x/dev/i2c-1")]
        {
            assert_eq!(i2c_bus(text).unwrap(), PathBuf::from(path));
        }
        for text in ["", "i2c-1", "/dev/spidev0.0", "-1", "+1", "256", "1 "] {
            assert!(i2c_bus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_has_7_bits_without_the_reserved_ones() {
        for (text, address) in [("0x40", 0x40), ("64", 64), ("0X4f", 0x4f), ("0x08", 8), ("0x77", 0x77)] {
            assert_eq!(i2c_address(text).unwrap(), address);
        }
        for text in ["", "0x", "0x07", "0x78", "0x80", "40h", "-1", "+64", "0x+40", "0x140", "300"] {
            assert!(i2c_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_interval_is_from_100_milliseconds_to_a_minute() {
        for (text, millis) in [
            ("1s", 1000),
            ("1", 1000),
            ("500ms", 500),
            ("0.1s", 100),
            ("0.1", 100),
            ("60s", 60_000),
            ("2 s", 2000),
        ] {
            assert_eq!(sample_interval(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "s", "ms", "99ms", "61s", "0", "-1s", "1m", "1e999", "nan", "inf", "1ss", "0,5s"] {
            assert!(sample_interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_current_is_sensed_as_the_chip_needs_it_as_it_is_told_or_not_at_all() {
        let (ms, second) = (Duration::from_millis, Duration::from_secs(1));
        for (text, kind, sample, every) in [
            ("auto", SensorKind::Ina226, second, Some(ms(100))),
            ("auto", SensorKind::Ina219, ms(400), Some(ms(100))),
            ("auto", SensorKind::Ina219, ms(399), None),
            ("auto", SensorKind::Hwmon, second, Some(ms(200))),
            ("Auto", SensorKind::Ina228, second, None),
            ("0.25", SensorKind::Ina228, second, Some(ms(250))),
            ("100ms", SensorKind::Max17048, second, None),
            ("2s", SensorKind::Ina226, second, None),
            ("2s", SensorKind::Ina226, 10 * second, Some(2 * second)),
            ("OFF", SensorKind::Ina226, second, None),
        ] {
            assert_eq!(sense_interval(text).unwrap().with(kind, sample), every, "{text} {kind:?}");
        }
        for text in ["", "on", "99ms", "11s", "0", "-1s"] {
            assert!(sense_interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_finite_in_range_and_written_with_a_point() {
        assert_eq!(divider("1"), Ok(1.0));
        assert_eq!(divider("19.6"), Ok(19.6));
        assert_eq!(capacity_ah("100 Ah"), Ok(100.0));
        for text in ["", "0.99", "100.1", "nan", "inf", "infinity", "1e400", "two", "0x10"] {
            assert!(divider(text).is_err(), "{text}");
        }
        assert_eq!(divider("2,5").unwrap_err().write.as_deref(), Some("2.5"));
        assert!(capacity_ah("0").is_err() && capacity_ah("-100").is_err());
    }

    #[test]
    fn words_are_taken_in_either_case_and_a_slip_gets_the_nearest() {
        assert_eq!(sensor("INA226"), Ok(SensorKind::Ina226));
        assert_eq!(chemistry("lead_acid"), Ok(Chemistry::LeadAcid));
        assert_eq!(current_sign("-1"), Ok(CurrentSign::Inverted));
        assert_eq!(current_sign("+1"), Ok(CurrentSign::Normal));
        let refusal = chemistry("lead-acid").unwrap_err();
        assert_eq!(refusal.write.as_deref(), Some("lead_acid"));
        assert_eq!(refusal.why, "expected one of lfp, nmc, lead_acid");
    }

    #[test]
    fn a_directory_is_an_absolute_path() {
        assert!(directory("/var/lib/ems-edge").is_ok());
        assert!(directory("state").is_err());
    }
}
