//! How often a peer is told about its broken frames, and how fast a device may send.

use std::time::{Duration, Instant};

/// A bucket that refills with time.
pub struct Budget {
    left: f64,
    capacity: f64,
    per_second: f64,
    filled: Instant,
}

impl Budget {
    /// Errors that are answered: all of a hundred broken frames, then ten a second. The answers would otherwise help
    /// a peer that sends nonsense to fill the line.
    pub fn of_errors() -> Self {
        Self::new(100.0, 10.0)
    }

    /// Samples: a day of backlog passes in under 20 s, a device gone wild is slowed down.
    pub fn of_samples() -> Self {
        Self::new(20_000.0, 5_000.0)
    }

    /// Events: what a device has kept while there was no connection passes at once (128), then one a second. Each is
    /// kept and told to others; one too many waits and is not lost, and samples with it for a second at most.
    pub fn of_events() -> Self {
        Self::new(150.0, 1.0)
    }

    /// A full bucket of `capacity` that gains `per_second`.
    pub fn new(capacity: f64, per_second: f64) -> Self {
        Self { left: capacity, capacity, per_second, filled: Instant::now() }
    }

    /// What is left now.
    pub fn left(&self) -> f64 {
        let gained = self.filled.elapsed().as_secs_f64() * self.per_second;
        (self.left + gained).min(self.capacity)
    }

    /// Spends one if there is one.
    pub fn spend(&mut self) -> bool {
        self.fill();
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }

    /// Spends `count` whether they are there or not; how long to pause for what is owed.
    pub fn debit(&mut self, count: usize) -> Duration {
        self.fill();
        self.left -= count as f64;
        Duration::from_secs_f64((-self.left).max(0.0) / self.per_second)
    }

    fn fill(&mut self) {
        self.left = self.left();
        self.filled = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_paid_with_a_pause_and_errors_run_out() {
        let mut samples = Budget::of_samples();
        assert_eq!(samples.debit(20_000), Duration::ZERO);
        assert!(samples.debit(500) > Duration::from_millis(1));
        let mut events = Budget::of_events();
        assert!((0..150).all(|_| events.debit(1).is_zero()));
        assert!(!events.debit(1).is_zero());
        let mut errors = Budget::of_errors();
        assert!((0..100).all(|_| errors.spend()));
        errors.left = 0.0;
        errors.filled = Instant::now();
        assert!(!errors.spend());
    }
}
