//! The time that simulated hardware lives by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A monotonic clock: the machine's, or one that a test turns by hand.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Machine(Instant),
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's monotonic clock, from 0 at this call.
    pub fn monotonic() -> Self {
        Self { source: Source::Machine(Instant::now()) }
    }

    /// Time since the clock's origin.
    pub fn now(&self) -> Duration {
        match &self.source {
            Source::Machine(origin) => origin.elapsed(),
            Source::Manual(nanos) => Duration::from_nanos(nanos.load(Ordering::Relaxed)),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::monotonic()
    }
}

/// The hand on a manual clock; clones turn the same clock.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that stands at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock that this hand turns.
    pub fn clock(&self) -> Clock {
        Clock { source: Source::Manual(Arc::clone(&self.nanos)) }
    }

    /// Turns the clock forward. It counts nanoseconds in 64 bits: 584 years.
    pub fn advance(&self, elapsed: Duration) {
        self.nanos.fetch_add(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
