//! What is said about a frame that could not be used.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The kinds of trouble with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ErrorCode {
    /// Not a JSON object in a UTF-8 text frame.
    InvalidJson,
    /// JSON, but a field is missing, of the wrong type or outside its range.
    InvalidMessage,
    /// A `type` that this door does not know.
    UnknownType,
    /// The sender may not do that.
    Forbidden,
    /// What the message asks for does not exist.
    NotFound,
    /// It contradicts what there is already.
    Conflict,
    /// Nothing is answered before authentication.
    Unauthenticated,
    /// Larger than the limit.
    TooLarge,
    /// More frames than the limit.
    TooMany,
    /// The server could not do its part; the same frame may be sent again later.
    Unavailable,
}

/// The payload of `error`; the socket stays open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ErrorMessage {
    /// The kind of trouble.
    pub code: ErrorCode,
    /// One sentence: what is wrong, where, what to do.
    pub message: String,
    /// Facts for a program: `field`, `limit`, `seq`, ….
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(test, ts(type = "Record<string, unknown>"))]
    pub details: Map<String, Value>,
}

impl ErrorMessage {
    /// An error without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Map::new() }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}
