//! JSON bodies of requests.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::problem::Problem;

/// The largest body that the API takes, in bytes.
const MAX_BODY: usize = 16 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A JSON object; a mistake in it is answered with the field's name.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let text = read(request.into_body()).await?;
        Ok(Self(ems_protocol::parse(&text)?))
    }
}

/// The same, where nothing at all stands for an empty object.
pub(super) struct MaybeJsonBody<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let text = read(request.into_body()).await?;
        if text.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        Ok(Self(ems_protocol::parse(&text)?))
    }
}

async fn read(body: Body) -> Result<String, Problem> {
    let collected = timeout(TIME_LIMIT, Limited::new(body, MAX_BODY).collect()).await;
    let bytes = match collected.map_err(|_| Problem::too_slow())? {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Problem::too_large(MAX_BODY)),
        Err(_) => return Err(Problem::bad_field("body", "the body broke off")),
    };
    String::from_utf8(bytes.into()).map_err(|_| Problem::bad_field("body", "the body is not UTF-8"))
}
