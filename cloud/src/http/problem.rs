//! Errors over HTTP: problem details (RFC 9457).

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ems_protocol::ErrorMessage;
use serde::Serialize;
use tokio_tungstenite::tungstenite;
use tracing::error;

use crate::store::StoreError;

/// An answer that is no success.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    field: Option<String>,
    retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None, retry_after: None }
    }

    /// 400: the request's `field` is wrong.
    pub fn bad_field(field: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// 401: nobody is logged in.
    pub fn unauthenticated(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 403 at the doors, the same for every reason.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "valid credentials for this address are required")
    }

    /// 403: the user's role does not do.
    pub fn role(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 404: no such device.
    pub fn no_device(id: &str) -> Self {
        let name: String = id.chars().take(64).collect();
        Self::not_found(format!("there is no device {name:?}"))
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method")
    }

    /// 408.
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not arrive in time")
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the request's body has at most {limit} bytes"))
    }

    /// 429.
    pub fn too_many(detail: impl Into<String>, wait: Duration) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, detail);
        problem.retry_after = Some(wait);
        problem
    }

    /// 503.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// 426: not a WebSocket handshake.
    pub fn handshake(error: &tungstenite::Error) -> Self {
        Self::new(StatusCode::UPGRADE_REQUIRED, format!("this address takes WebSockets only: {error}"))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        error!(%error, "request failed");
        match error {
            StoreError::Rejected { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why")
            }
            _ => Self::unavailable("the server's database cannot be used at the moment"),
        }
    }
}

impl From<ErrorMessage> for Problem {
    fn from(error: ErrorMessage) -> Self {
        let field = error.details.get("field").and_then(|field| field.as_str()).map(str::to_owned);
        Self { field, ..Self::new(StatusCode::BAD_REQUEST, error.message) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(axum::http::header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}
