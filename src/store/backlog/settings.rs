//! How the backlog is kept.

use std::time::Duration;

use crate::store::card::{BootClock, Limits};

/// How the backlog is kept, to begin with.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How much the card may hold.
    pub limits: Limits,
    /// How long a sample waits in memory before it goes to the card.
    pub flush_interval: Duration,
    /// How many samples the memory may hold.
    pub capacity: usize,
    /// The time between two samples.
    pub interval: Duration,
    /// What this boot's clock is worth now.
    pub clock: BootClock,
}

/// What may change while it is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keeping {
    /// As in [`Settings`].
    pub limits: Limits,
    /// As in [`Settings`].
    pub flush_interval: Duration,
    /// As in [`Settings`].
    pub interval: Duration,
}

pub(super) fn millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(1000).max(1)
}
