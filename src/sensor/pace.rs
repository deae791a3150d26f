//! When the sensor's thread reads by itself, between the readings that it is asked for.

use std::time::{Duration, Instant};

/// After a failed transfer the bus is left alone for so long, or until it is asked for: a stuck one blocks for a second.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Even steps from the last reading that was asked for. Where the next one is expected none is due, or the two would
/// compete for one result of the chip.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    due: Instant,
    asked: Instant,
    /// Between the last two that were asked for.
    period: Option<Duration>,
}

impl Pace {
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self { every, due: now + every, asked: now, period: None }
    }

    /// When the next reading is due.
    pub(super) fn due(&self) -> Instant {
        let half = self.every / 2;
        match self.period.map(|period| self.asked + period) {
            Some(expected) if self.due + half > expected && self.due < expected + half => expected + half,
            _ => self.due,
        }
    }

    /// A reading was asked for at `now`.
    pub(super) fn asked(&mut self, now: Instant) {
        self.period = Some(now.saturating_duration_since(self.asked));
        (self.asked, self.due) = (now, now + self.every);
    }

    /// The one that was due has been read by `now`; what was missed stays missed.
    pub(super) fn step(&mut self, now: Instant) {
        self.due = (self.due + self.every).max(now);
    }

    /// The one that was due could not be transferred.
    pub(super) fn back_off(&mut self, now: Instant) {
        self.due = now + AFTER_FAILURE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When readings were due in the time up to the next one that is asked for, in ms after the last.
    fn dues(pace: &mut Pace, asked: Instant, until: u32) -> Vec<u128> {
        let mut dues = Vec::new();
        while pace.due() < asked + until * MS {
            let due = pace.due();
            dues.push((due - asked).as_millis());
            pace.step(due + 2 * MS);
        }
        dues
    }

    #[test]
    fn between_two_that_are_asked_for_each_second_nine_are_read() {
        let begin = Instant::now();
        let mut pace = Pace::new(100 * MS, begin);
        pace.asked(begin);
        let later = begin + 1000 * MS;
        assert_eq!(dues(&mut pace, begin, 1000).len(), 9);
        pace.asked(later);
        assert_eq!(dues(&mut pace, later, 1000), [100, 200, 300, 400, 500, 600, 700, 800, 900]);
    }

    #[test]
    fn nobody_who_asks_stops_it_and_a_late_one_is_not_made_up_for() {
        let begin = Instant::now();
        let mut pace = Pace::new(100 * MS, begin);
        pace.asked(begin + 1000 * MS);
        let asked = begin + 1000 * MS;
        assert_eq!(
            dues(&mut pace, asked, 1400),
            [100, 200, 300, 400, 500, 600, 700, 800, 900, 1050, 1100, 1200, 1300]
        );
        pace.step(asked + 5000 * MS);
        assert!(pace.due() >= asked + 5000 * MS && pace.due() <= asked + 5100 * MS);
    }

    #[test]
    fn a_bus_that_fails_is_left_alone_for_a_second() {
        let begin = Instant::now();
        let mut pace = Pace::new(100 * MS, begin);
        pace.back_off(begin + 100 * MS);
        assert_eq!(pace.due(), begin + 1100 * MS);
    }
}
