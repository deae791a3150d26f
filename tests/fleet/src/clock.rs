//! The wall clock, which labels samples, and the kernel's monotonic one, which other processes share.

use std::time::{SystemTime, UNIX_EPOCH};

use ems_protocol::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// What the wall clock shows.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// `CLOCK_MONOTONIC` in seconds.
pub(crate) fn monotonic() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
