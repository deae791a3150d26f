//! `PING`: proves the way there and back.

use serde_json::{Value, json};

/// Nothing to do but answer.
pub(super) fn run() -> Value {
    json!({ "firmware_version": crate::sample::FIRMWARE_VERSION })
}
