//! How long to wait before the next attempt.
//!
//! The `backoff` crate gets no more releases: it is used here alone, so that it can be replaced in an hour
//! (docs/decisions/0002-unmaintained-crates.md).

use std::time::{Duration, Instant};

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

/// Exponential waits with jitter, for ever.
#[derive(Debug)]
pub(super) struct Backoff {
    waits: ExponentialBackoff,
    /// How long a connection must have held to start anew from the floor.
    stable_after: Duration,
}

/// The first wait.
const FLOOR: Duration = Duration::from_millis(500);
/// The waits grow up to here.
const CAP: Duration = Duration::from_secs(60);
/// Each wait is drawn from its nominal length ± this part, at the cap too: a thousand devices that lost their
/// server in the same second must not come back in the same second.
const JITTER: f64 = 0.5;
/// A connection that drops sooner was no recovery.
const STABLE: Duration = Duration::from_secs(60);

impl Default for Backoff {
    fn default() -> Self {
        let waits = ExponentialBackoff {
            current_interval: FLOOR,
            initial_interval: FLOOR,
            max_interval: CAP,
            multiplier: 2.0,
            randomization_factor: JITTER,
            // The crate gives up after 15 minutes unless told otherwise.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { waits, stable_after: STABLE }
    }
}

impl Backoff {
    /// The next wait, longer than the last on average.
    pub(super) fn next_wait(&mut self) -> Duration {
        self.waits.next_backoff().unwrap_or(CAP)
    }

    /// A connection that was made at `since` has ended at `now`.
    pub(super) fn connection_ended(&mut self, since: Instant, now: Instant) {
        if now.saturating_duration_since(since) >= self.stable_after {
            self.waits.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_never_gives_up_and_keeps_its_jitter_at_the_cap() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..10_000).map(|_| backoff.next_wait()).collect();
        let at_cap = &waits[20..];
        assert!(at_cap.iter().all(|w| (CAP / 2..=CAP * 3 / 2).contains(w)));
        let spread = (*at_cap.iter().max().unwrap()).checked_sub(*at_cap.iter().min().unwrap()).unwrap();
        assert!(spread > CAP * 9 / 10, "{spread:?}");
    }

    #[test]
    fn only_a_stable_connection_starts_anew_from_the_floor() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.next_wait();
        }
        backoff.connection_ended(start, start + STABLE.saturating_sub(Duration::from_millis(1)));
        assert!(backoff.next_wait() >= CAP / 2);
        backoff.connection_ended(start, start + STABLE);
        assert!(backoff.next_wait() <= FLOOR * 3 / 2);
    }

    proptest! {
        #[test]
        fn a_wait_stays_between_the_jittered_floor_and_the_jittered_cap(attempts in 1usize..200) {
            let mut backoff = Backoff::default();
            for _ in 0..attempts {
                let wait = backoff.next_wait();
                prop_assert!((FLOOR / 2..=CAP * 3 / 2).contains(&wait), "{:?}", wait);
            }
        }
    }
}
