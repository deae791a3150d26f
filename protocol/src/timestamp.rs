//! Points in time on the wire: RFC 3339, UTC, milliseconds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

/// Milliseconds since 1970-01-01T00:00:00Z. On the wire `2026-02-03T12:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 time with a zone, or a time outside the years 0000 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time with zone as in RFC 3339, for example 2026-02-03T12:00:00.000Z")]
pub struct InvalidTimestamp;

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z: what four digits of a year can say.
const MIN_MS: i64 = -62_167_219_200_000;
const MAX_MS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since 1970; outside the years 0000 to 9999 the nearest of these is taken.
    pub const fn from_millis(millis: i64) -> Self {
        Self(if millis < MIN_MS {
            MIN_MS
        } else if millis > MAX_MS {
            MAX_MS
        } else {
            millis
        })
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?;
        let millis = time.unix_timestamp() * 1000 + i64::from(time.millisecond());
        if (MIN_MS..=MAX_MS).contains(&millis) { Ok(Self(millis)) } else { Err(InvalidTimestamp) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Timestamp {
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`, written by hand: this runs once a sample and needs no parser of formats.
    fn text(self) -> [u8; 24] {
        let days = self.0.div_euclid(86_400_000);
        let of_day = self.0.rem_euclid(86_400_000);
        let epoch_day = i64::from(Date::from_ordinal_date(1970, 1).map_or(2_440_588, Date::to_julian_day));
        let julian = i32::try_from(epoch_day + days).unwrap_or(i32::MAX);
        let (year, month, day) = Date::from_julian_day(julian).unwrap_or(Date::MAX).to_calendar_date();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        digits(&mut text, 0, 4, i64::from(year));
        digits(&mut text, 5, 2, i64::from(u8::from(month)));
        digits(&mut text, 8, 2, i64::from(day));
        digits(&mut text, 11, 2, of_day / 3_600_000);
        digits(&mut text, 14, 2, of_day / 60_000 % 60);
        digits(&mut text, 17, 2, of_day / 1000 % 60);
        digits(&mut text, 20, 3, of_day % 1000);
        text
    }
}

fn digits(text: &mut [u8; 24], at: usize, count: usize, mut value: i64) {
    for place in text.iter_mut().skip(at).take(count).rev() {
        *place = b'0' + u8::try_from(value.rem_euclid(10)).unwrap_or(0);
        value = value.div_euclid(10);
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time with zone as in RFC 3339, for example 2026-02-03T12:00:00.000Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_guides_timestamp_is_read_and_written_with_milliseconds() {
        let t: Timestamp = "2026-02-03T12:00:00Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-02-03T12:00:00.000Z");
        let zoned: Timestamp = "2026-02-03T13:30:00.25+01:30".parse().unwrap();
        assert_eq!(zoned.to_string(), "2026-02-03T12:00:00.250Z");
        assert_eq!("1969-12-31T23:59:59.999Z".parse::<Timestamp>().unwrap().millis(), -1);
    }

    #[test]
    fn a_time_without_zone_or_outside_the_calendar_is_refused() {
        for text in ["", "now", "2026-02-03T12:00:00", "2026-02-30T12:00:00Z", "2026-02-03", "1738584000"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn every_time_is_read_back_as_it_was_written(millis in MIN_MS..=MAX_MS) {
            let t = Timestamp::from_millis(millis);
            prop_assert_eq!(t.to_string().parse::<Timestamp>(), Ok(t));
        }
    }
}
