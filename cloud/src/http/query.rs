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
            .map(|text| text.parse::<Timestamp>().map(Timestamp::millis))
            .transpose()
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
