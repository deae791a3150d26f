//! Waiting for a condition, with a bound that only a hang reaches.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a condition may take before the test calls it a hang. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `look` finds something, at most [`PATIENCE`]; `what` completes "waited … for".
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// As [`until`], with another bound.
#[track_caller]
pub fn until_within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {} s for {what}", limit.as_secs());
        sleep(PAUSE);
    }
}
