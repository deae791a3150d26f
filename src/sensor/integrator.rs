//! What flowed between two reports, added up from readings in between.

use std::time::{Duration, Instant};

use super::Reading;
use crate::battery::ChargeCount;

/// One step of the count in Ah: a milliampere for a third of a second.
const STEP_AH: f64 = 1e-7;
/// Over a longer time between two readings nothing is made up: the count begins anew, and the estimator widens its
/// interval as for any gap.
const LONGEST_HOLE: Duration = Duration::from_millis(1500);

/// Adds up readings by trapezoids over the measured time.
#[derive(Debug)]
pub(super) struct Integrator {
    last: Option<(Instant, f64, f64)>,
    /// Since the last report: s, Vs, As.
    sums: (f64, f64, f64),
    /// Since the beginning, in As.
    total: f64,
    /// The count has a hole since the last report.
    restarted: bool,
}

impl Integrator {
    pub(super) fn new() -> Self {
        Self { last: None, sums: (0.0, 0.0, 0.0), total: 0.0, restarted: true }
    }

    /// Takes a reading between two reports, measured at `at`. One without a current says nothing.
    pub(super) fn note(&mut self, at: Instant, reading: &Reading) {
        let Some(amps) = reading.current else { return };
        let volts = reading.voltage;
        let Some((before, v, a)) = self.last.replace((at, volts, amps)) else { return };
        let time = at.saturating_duration_since(before);
        if time > LONGEST_HOLE {
            // What was covered before it is too old for the means of the next report.
            (self.sums, self.restarted) = ((0.0, 0.0, 0.0), true);
            return;
        }
        let seconds = time.as_secs_f64();
        let ampere_seconds = f64::midpoint(a, amps) * seconds;
        self.sums.0 += seconds;
        self.sums.1 += f64::midpoint(v, volts) * seconds;
        self.sums.2 += ampere_seconds;
        self.total += ampere_seconds;
    }

    /// The report that ends with `reading`: means over the time that was covered since the last one, and the count. A
    /// chip that counts by itself knows better.
    pub(super) fn report(&mut self, at: Instant, mut reading: Reading) -> Reading {
        self.note(at, &reading);
        let (seconds, volt_seconds, ampere_seconds) = std::mem::take(&mut self.sums);
        if reading.current.is_none() {
            return reading;
        }
        if seconds > 0.0 {
            reading.voltage = volt_seconds / seconds;
            reading.current = Some(ampere_seconds / seconds);
        }
        let restarted = std::mem::take(&mut self.restarted);
        reading.charge = reading.charge.or(Some(self.count(restarted)));
        reading
    }

    /// Takes note that the readings since the last report cannot be believed, or that one cannot be had: the count begins
    /// anew.
    pub(super) fn discard(&mut self) {
        (self.last, self.sums, self.restarted) = (None, (0.0, 0.0, 0.0), true);
    }

    fn count(&self, restarted: bool) -> ChargeCount {
        #[expect(clippy::cast_possible_truncation, reason = "saturates after 29 million years at 1 kA")]
        let steps = (self.total / 3600.0 / STEP_AH).round() as i64;
        ChargeCount { steps, step_ah: STEP_AH, restarted, by_chip: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(voltage: f64, amps: f64) -> Reading {
        Reading { voltage, current: Some(amps), temperature: Some(21.0), charge: None }
    }

    fn ah(later: Reading, earlier: Reading) -> f64 {
        let (later, earlier) = (later.charge.unwrap(), earlier.charge.unwrap());
        assert!(!later.restarted, "{later:?}");
        (later.steps - earlier.steps) as f64 * later.step_ah
    }

    #[test]
    fn a_report_holds_the_means_and_the_charge_over_the_measured_times() {
        let (begin, ms) = (Instant::now(), Duration::from_millis);
        let mut sum = Integrator::new();
        let first = sum.report(begin, reading(52.0, 0.0));
        assert!(first.charge.unwrap().restarted);
        assert_eq!(Reading { charge: None, ..first }, reading(52.0, 0.0));
        // 0 to -20 A within 400 ms, then 600 ms of -20 A.
        sum.note(begin + ms(400), &reading(50.0, -20.0));
        let second = sum.report(begin + ms(1000), reading(50.0, -20.0));
        assert!((second.current.unwrap() + 16.0).abs() < 1e-9 && (second.voltage - 50.4).abs() < 1e-9);
        assert!((ah(second, first) + 16.0 / 3600.0).abs() < 1e-7);
        assert_eq!(second.temperature, Some(21.0));
    }

    #[test]
    fn over_a_hole_and_over_what_cannot_be_believed_the_count_begins_anew() {
        let (begin, ms) = (Instant::now(), Duration::from_millis);
        let mut sum = Integrator::new();
        sum.report(begin, reading(52.0, -10.0));
        let after = sum.report(begin + ms(1600), reading(52.0, -10.0));
        assert!(after.charge.unwrap().restarted, "{after:?}");
        assert!(!sum.report(begin + ms(1700), reading(52.0, -10.0)).charge.unwrap().restarted, "told once");
        sum.note(begin + ms(1800), &reading(0.0, 300.0));
        sum.discard();
        let after = sum.report(begin + ms(1900), reading(52.0, -10.0));
        assert!(after.charge.unwrap().restarted && after.current == Some(-10.0), "{after:?}");
    }

    #[test]
    fn what_was_covered_before_a_hole_is_not_in_the_means_of_the_next_report() {
        let (begin, ms) = (Instant::now(), Duration::from_millis);
        let mut sum = Integrator::new();
        sum.report(begin, reading(52.0, -40.0));
        sum.note(begin + ms(100), &reading(52.0, -40.0));
        let after = sum.report(begin + ms(20_000), reading(54.0, 5.0));
        assert_eq!(Reading { charge: None, ..after }, reading(54.0, 5.0));
        assert!(after.charge.unwrap().restarted, "{after:?}");
    }

    #[test]
    fn a_chip_that_counts_and_one_that_measures_no_current_are_left_as_they_are() {
        let begin = Instant::now();
        let mut sum = Integrator::new();
        let own = Some(ChargeCount { steps: 5, step_ah: 1.0, restarted: false, by_chip: true });
        assert_eq!(sum.report(begin, Reading { charge: own, ..reading(52.0, 1.0) }).charge, own);
        let blind = Reading { voltage: 12.0, current: None, temperature: None, charge: None };
        assert_eq!(sum.report(begin, blind), blind);
    }
}
