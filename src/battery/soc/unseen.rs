//! What may have happened while nobody looked.

use std::time::Duration;

use super::StateOfCharge;
use crate::battery::gap::{Around, Gap};

/// A gap longer than this is not bridged by the currents at its ends, in h.
const BRIDGED_HOURS: f64 = 1.0;
/// What may flow unseen, in % of the capacity per hour, at least.
const UNSEEN_PERCENT_PER_HOUR: f64 = 1.0;
const OFF_PERCENT_PER_HOUR: f64 = 5.0;
/// How far the state of charge usually is from what was kept, after a time without power, in %.
const OFF_SPREAD: f64 = 1.5;

impl StateOfCharge {
    /// Takes note that nobody watched for so long, beside the time that nothing had been read before; `None` if nobody
    /// knows how long.
    pub(in crate::battery) fn was_off(&mut self, off: Option<Duration>) {
        // Unknown is as long as it takes to know nothing.
        self.unseen = off.map_or(1e9, |off| (self.unseen + off.as_secs_f64()).min(1e9));
        (self.last_c_rate, self.gap) = (None, None);
    }

    /// What a gap may still turn out to have taken or given, in %.
    pub(super) fn slack(&self) -> (f64, f64) {
        self.gap.map_or((0.0, 0.0), |gap| gap.slack())
    }

    /// Carries the interval over a time without readings, between the last current and this one.
    pub(super) fn bridge(&mut self, c_rate: f64, seconds: f64) {
        self.settle();
        self.allow_for_gap();
        let hours = seconds / 3600.0;
        let around = Around {
            before: self.last_c_rate.unwrap_or(c_rate),
            averages: self.polarisation.lag,
            after: c_rate,
            usual: self.usual,
            charger: self.charger,
            load: self.load,
        };
        let is_bridged = hours <= BRIDGED_HOURS && self.last_c_rate.is_some();
        let unknown = if is_bridged { 0.0 } else { self.unseen_rate() / 100.0 };
        let (gap, flow) = Gap::new(&around, hours, unknown);
        self.gap = is_bridged.then_some(gap);
        self.bank.advance(flow.mean, 0.0, 0.0);
        let spread = self.bank.spread;
        self.bank.widen(flow.below.min(200.0), flow.above.min(200.0));
        if self.last_c_rate.is_none() {
            // Whatever may have happened meanwhile, what was kept is the best guess.
            self.bank.spread = spread.hypot(OFF_SPREAD).min(self.bank.spread);
        }
        self.confine();
    }

    /// Judges the last gap by the current that follows.
    pub(super) fn judge_gap(&mut self, c_rate: f64, seconds: f64) {
        let Some(gap) = &mut self.gap else { return };
        let (below, above) = gap.judge(c_rate, seconds);
        if gap.is_judged() {
            self.gap = None;
        }
        self.bank.stretch(below, above);
        (self.summary.low, self.summary.high) = (self.summary.low - below, self.summary.high + above);
    }

    /// Allows for all that may have flowed in the last gap, if nothing follows by which to judge it.
    fn allow_for_gap(&mut self) {
        let (below, above) = self.gap.take().map_or((0.0, 0.0), |gap| gap.slack());
        self.bank.stretch(below, above);
    }

    /// What may flow unseen, in % per hour: more than just before and more than usual, and much more if nobody knows since
    /// when.
    pub(super) fn unseen_rate(&self) -> f64 {
        let (least, usual, last) = match self.last_c_rate {
            Some(last) => (UNSEEN_PERCENT_PER_HOUR, 200.0, last),
            None => (OFF_PERCENT_PER_HOUR, 500.0, self.polarisation.c_rate),
        };
        least.max(usual * self.usual).max(150.0 * last.abs())
    }
}
