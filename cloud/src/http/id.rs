//! Names in a path.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

/// What stands where a name belongs, not yet checked; empty when it is not even UTF-8. The caller answers in
/// its own words: at the doors a bad name must look like a wrong token.
pub struct RawId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for RawId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(id)| id).unwrap_or_default()))
    }
}

/// The same for a path with two names.
pub struct RawIds(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for RawIds {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        Ok(path
            .map_or_else(|_| Self(String::new(), String::new()), |Path((first, second))| Self(first, second)))
    }
}
