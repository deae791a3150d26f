//! The query of a request.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use ems_protocol::Timestamp;

use super::problem::Problem;

/// The parameters by name.
pub(super) struct Parameters(HashMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(all) = Query::try_from_uri(&parts.uri)
            .map_err(|_| Problem::bad_field("query", "the query is not name=value&… in UTF-8"))?;
        Ok(Self(all))
    }
}

impl Parameters {
    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.text(name)
            .map(|text| {
                text.parse::<Timestamp>().or_else(|error| {
                    // A '+' in a query is a space, which nobody remembers who copies 2026-02-03T12:00:00+01:00.
                    let (time, zone) = text.rsplit_once(' ').ok_or(error)?;
                    format!("{time}+{zone}").parse()
                })
            })
            .transpose()
            .map(|time| time.map(Timestamp::millis))
            .map_err(|error| Problem::bad_field(name, format!("{name}: {error}")))
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str, min: i64, max: i64) -> Result<Option<i64>, Problem> {
        match self.text(name).map(str::parse) {
            None => Ok(None),
            Some(Ok(number)) if (min..=max).contains(&number) => Ok(Some(number)),
            Some(_) => Err(Problem::bad_field(name, format!("{name} is a number from {min} to {max}"))),
        }
    }

    /// How many entries are asked for.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Problem> {
        match self.text("limit").map(str::parse) {
            None => Ok(default),
            Some(Ok(limit)) if (1..=max).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::bad_field("limit", format!("limit is a number from 1 to {max}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_east_of_greenwich_need_not_be_encoded() {
        let time = |text: &str| {
            let uri = format!("/x?from={text}").parse().unwrap();
            let Query(all) = Query::try_from_uri(&uri).unwrap();
            Parameters(all).time("from").ok().flatten()
        };
        let noon = time("2026-02-03T12:00:00Z");
        assert!(noon.is_some());
        for text in ["2026-02-03T13:30:00+01:30", "2026-02-03T13:30:00%2B01:30", "2026-02-03T10:00:00-02:00"]
        {
            assert_eq!(time(text), noon, "{text}");
        }
        for text in ["", "+", "2026-02-03+12:00:00", "2026-02-03T12:00:00", "2026-02-03T12:00:00++01:00"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
