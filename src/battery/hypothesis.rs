//! What the state of charge is if certain constants have certain values.

use super::per_curve::{Bands, Curve, PerCurve};

/// The narrowest interval, in %.
const NARROWEST: f64 = 0.6;

/// Moves are counted when they come to this, in %.
const NOTICED: f64 = 2.0;

/// One hypothesis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hypothesis {
    /// Percent of the true capacity for one counted percent of the label.
    pub(super) kappa: f64,
    /// Offset of the sensor, in % of the label per hour.
    pub(super) offset: f64,
    /// Strength of gassing, 1 is usual.
    pub(super) gassing: f64,
    pub(super) curve: Curve,
    /// Where its values are on the axes: kind, kappa, offset.
    pub(super) place: (usize, usize, usize),
    /// What spoke against it before the present readings, in nats: the logarithm of how many times likelier another was.
    pub(super) prior: f64,
    /// The state of charge is between these, in %.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Where in between, by counting alone; may lie outside.
    pub(super) likely: f64,
    /// How far clamps have moved it since that was last counted, and what was counted, in %.
    pub(super) slid: f64,
    pub(super) miss: f64,
    /// What else speaks against it: half the squared deviations from the middles of the bands.
    pub(super) doubt: f64,
    /// What speaks against it in all, in nats, which bounds the stated interval.
    pub(super) against: f64,
    /// How likely it is, which places the estimate in the interval.
    pub(super) weight: f64,
}

impl Hypothesis {
    /// One that has no place on the axes yet, and no weight.
    pub(super) const UNPLACED: Self = Self {
        kappa: 1.0,
        offset: 0.0,
        gassing: 0.0,
        curve: Curve::First,
        place: (0, 0, 0),
        prior: f64::INFINITY,
        low: 0.0,
        high: 100.0,
        likely: 50.0,
        slid: 0.0,
        miss: 0.0,
        doubt: 0.0,
        against: f64::INFINITY,
        weight: 0.0,
    };

    /// Lets `percent` of the label's capacity flow in `hours`, and about `gas` percent be lost as gas.
    pub(super) fn advance(&mut self, percent: f64, hours: f64, gas: f64) {
        let counted = percent - self.offset * hours;
        // No more can be lost than flows in.
        let lost = (self.gassing * gas).min(counted.max(0.0));
        let step = self.kappa * (counted - lost);
        self.low += step;
        self.high += step;
        self.likely += step;
    }

    /// Keeps the interval within the band of its curve; true if that speaks against it.
    pub(super) fn clamp(&mut self, bands: &Bands) -> bool {
        let (lowest, highest) = bands.of(self.curve);
        let (low, high) = (self.low, self.high);
        if low > highest - NARROWEST {
            (self.low, self.high) = (highest - NARROWEST, highest);
            self.slid += self.low - low;
        } else if high < lowest + NARROWEST {
            (self.low, self.high) = (lowest, lowest + NARROWEST);
            self.slid += self.high - high;
        } else {
            (self.low, self.high) = (low.max(lowest), high.min(highest));
        }
        // To and fro by less than this is the noise of the band.
        let missed = self.slid.abs() >= NOTICED;
        if missed {
            self.miss += self.slid.abs();
            self.slid = 0.0;
        }
        missed
    }

    /// Takes its band as what is known, and what in it is likely.
    pub(super) fn tie(&mut self, bands: &Bands, likely: &PerCurve<f64>) {
        let (lowest, highest) = bands.of(self.curve);
        (self.low, self.high) = (lowest, highest.max(lowest + NARROWEST));
        self.likely = likely.of(self.curve);
    }

    /// Lifts the interval to `lowest`, which speaks against nothing.
    pub(super) fn lift(&mut self, lowest: f64) {
        self.low = self.low.max(lowest);
        self.high = self.high.max(lowest + NARROWEST);
    }

    /// Takes a `share` of an observation of the state of charge at `middles` with `sigmas`, and forgets as much of
    /// earlier ones.
    pub(super) fn compare(
        &mut self,
        middles: &PerCurve<f64>,
        sigmas: &PerCurve<f64>,
        spread: f64,
        share: f64,
    ) {
        let likely = mean_within(self.likely, spread, self.low, self.high);
        let z = (likely - middles.of(self.curve)) / sigmas.of(self.curve);
        self.doubt += share * (0.5 * z * z - self.doubt / REMEMBERED);
    }

    /// The interval within 0 to 100 %, and the likeliest state of charge in it.
    pub(super) fn state(&self, spread: f64) -> (f64, f64, f64) {
        let (low, high) = (self.low.clamp(0.0, 100.0), self.high.clamp(0.0, 100.0));
        (low, high, mean_within(self.likely, spread, low, high))
    }
}

/// Observations that doubts go back.
const REMEMBERED: f64 = 8.0;

/// About the mean of a normal distribution that is cut off below `low` and above `high`.
fn mean_within(mean: f64, spread: f64, low: f64, high: f64) -> f64 {
    let (from_below, from_above) =
        ((low - mean + 2.0 * spread).max(0.0), (mean + 2.0 * spread - high).max(0.0));
    let pushed = mean + 0.2 * (from_below * from_below - from_above * from_above) / spread;
    let width = high - low;
    let known = width * width / (width * width + 4.0 * spread * spread);
    let middle = f64::midpoint(low, high);
    middle + known * (pushed.max(low).min(high) - middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_pushed_away_from_the_end_that_cuts_it_off() {
        let free = mean_within(50.0, 2.0, 0.0, 100.0);
        assert!((free - 50.0).abs() < 0.1, "{free}");
        let cut = mean_within(50.0, 2.0, 50.0, 100.0);
        assert!((51.0..53.0).contains(&cut), "{cut}");
        let unknown = mean_within(50.0, 60.0, 10.0, 30.0);
        assert!((unknown - 20.0).abs() < 1.0, "{unknown}");
    }

    #[test]
    fn a_clamp_that_misses_moves_the_interval_and_remembers_by_how_much() {
        let mut hypothesis = Hypothesis { low: 40.0, high: 45.0, ..Hypothesis::UNPLACED };
        assert!(!hypothesis.clamp(&PerCurve::all((30.0, 60.0))));
        assert!(hypothesis.clamp(&PerCurve::all((50.0, 60.0))));
        assert!((5.0..6.0).contains(&hypothesis.miss) && hypothesis.low >= 50.0 && hypothesis.high <= 51.0);
    }

    #[test]
    fn a_band_that_trembles_speaks_against_nothing_and_one_that_pushes_on_does() {
        let mut hypothesis = Hypothesis { low: 50.0, high: 50.6, ..Hypothesis::UNPLACED };
        for step in 0..1000 {
            let to = if step % 2 == 0 { 50.4 } else { 49.9 };
            hypothesis.clamp(&PerCurve::all((to - 0.3, to + 0.3)));
        }
        assert!(hypothesis.miss < 1e-12, "{}", hypothesis.miss);
        for step in 0..100 {
            let to = 50.0 - f64::from(step) * 0.1;
            hypothesis.clamp(&PerCurve::all((to - 5.0, to)));
        }
        assert!(hypothesis.miss > 7.0, "{}", hypothesis.miss);
    }

    #[test]
    fn gas_takes_no_more_than_flows_in() {
        let mut hypothesis = Hypothesis { gassing: 2.0, ..Hypothesis::UNPLACED };
        hypothesis.advance(1.0, 1.0, 5.0);
        assert!((hypothesis.likely - 50.0).abs() < 1e-12);
        hypothesis.advance(-1.0, 1.0, 5.0);
        assert!((hypothesis.likely - 49.0).abs() < 1e-12);
    }
}
