//! The wall clock, read in this file alone. It only labels; intervals use [`std::time::Instant`].

use std::time::{SystemTime, UNIX_EPOCH};

use ems_protocol::Timestamp;

/// The server's wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    // A clock before 1970 reads as 1970: it is wrong either way.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
