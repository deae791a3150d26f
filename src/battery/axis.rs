//! One unknown constant: the values that it may have, and how likely each is.

/// Values on the longest axis.
pub(super) const LONGEST: usize = 8;
/// How many standard deviations the outermost values lie from the mean.
const REACH: f64 = 2.4;
/// The power to which likelihoods are taken when they are learned: constants are not quite constant.
const RELAX: f64 = 0.95;
/// Nothing is given up for good.
const FORSAKEN: f64 = 1e-4;
/// No step between values becomes smaller than this share of the first spread.
const SHARPEST: f64 = 0.15;

/// An axis of the bank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    values: [f64; LONGEST],
    likelihoods: [f64; LONGEST],
    len: usize,
    /// No value lies beyond these.
    limits: (f64, f64),
    /// The spread before anything was learned.
    first_spread: f64,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub(super) place: usize,
    pub(super) value: f64,
    pub(super) likelihood: f64,
}

impl Axis {
    /// About `mean` with a standard deviation of `spread`, within `limits`.
    pub(super) fn normal(len: usize, mean: f64, spread: f64, limits: (f64, f64)) -> Self {
        let mut axis = Self::blank(len, limits, spread);
        axis.place(mean, spread);
        axis
    }

    /// Likeliest at `mode`, with another spread below than above, within `limits`.
    pub(super) fn skewed(len: usize, mode: f64, (below, above): (f64, f64), limits: (f64, f64)) -> Self {
        let mut axis = Self::blank(len, limits, f64::midpoint(below, above));
        axis.spread_out(limits);
        axis.weigh(|value| (value - mode) / if value < mode { below } else { above });
        axis
    }

    /// Anything up to ± `limit`.
    pub(super) fn uniform(len: usize, limit: f64) -> Self {
        let mut axis = Self::blank(len, (-limit, limit), limit / 3.0_f64.sqrt());
        axis.spread_out((-limit, limit));
        axis.weigh(|_| 0.0);
        axis
    }

    /// So many alternatives.
    pub(super) fn choices(len: usize) -> Self {
        let last = (len.max(1) - 1) as f64;
        let mut axis = Self::blank(len, (0.0, last), 0.0);
        axis.spread_out((0.0, last));
        axis.weigh(|_| 0.0);
        axis
    }

    /// Its values, in rising order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        let (values, likelihoods) = (self.values, self.likelihoods);
        let pairs = values.into_iter().zip(likelihoods).take(self.len).enumerate();
        pairs.map(|(place, (value, likelihood))| Node { place, value, likelihood })
    }

    /// Takes what was learned: a new likelihood of each value.
    pub(super) fn learn(&mut self, likelihoods: &[f64; LONGEST]) {
        let most = likelihoods.iter().fold(f64::MIN_POSITIVE, |a, &b| a.max(b));
        for (own, new) in self.likelihoods.iter_mut().zip(likelihoods) {
            *own = (new / most).powf(RELAX).max(FORSAKEN);
        }
    }

    /// Lays the values anew if only neighbours among them are still likely.
    pub(super) fn focus(&mut self) {
        let sum: f64 = self.nodes().map(|node| node.likelihood).sum();
        let mean = self.nodes().map(|node| node.value * node.likelihood).sum::<f64>() / sum;
        let variance =
            self.nodes().map(|node| (node.value - mean).powi(2) * node.likelihood).sum::<f64>() / sum;
        let [first, second, ..] = self.values;
        let (spread, step) = (variance.sqrt(), second - first);
        if spread < step && step > self.first_spread * SHARPEST {
            self.place(mean, (spread * 1.2).max(0.6 * step));
        }
    }

    /// All values and likelihoods, for saving.
    pub(super) fn columns(&self) -> (&[f64; LONGEST], &[f64; LONGEST]) {
        (&self.values, &self.likelihoods)
    }

    /// Takes up what was saved; false if that is no axis of this kind.
    pub(super) fn restore(&mut self, values: [f64; LONGEST], likelihoods: [f64; LONGEST]) -> bool {
        let (least, most) = self.limits;
        let slack = 1e-5 * (most - least);
        let fits = |value: &f64| (least - slack..=most + slack).contains(value);
        let used = values.get(..self.len).unwrap_or_default();
        let sum: f64 = likelihoods.iter().take(self.len).sum();
        if !used.iter().all(fits) || likelihoods.iter().any(|l| *l < 0.0) || sum <= 0.0 {
            return false;
        }
        (self.values, self.likelihoods) = (values, likelihoods);
        true
    }

    /// Puts the values where a normal distribution of this mean and spread is.
    fn place(&mut self, mean: f64, spread: f64) {
        let (least, most) = self.limits;
        let mean = mean.clamp(least, most);
        self.spread_out(((mean - REACH * spread).max(least), (mean + REACH * spread).min(most)));
        self.weigh(|value| (value - mean) / spread);
    }

    /// Puts the values at even distances.
    fn spread_out(&mut self, (from, to): (f64, f64)) {
        let step = if self.len > 1 { (to - from) / (self.len - 1) as f64 } else { 0.0 };
        for (i, value) in self.values.iter_mut().take(self.len).enumerate() {
            *value = from + step * i as f64;
        }
    }

    /// Gives each value the likelihood of its distance `z` in standard deviations.
    fn weigh(&mut self, z: impl Fn(f64) -> f64) {
        for (value, likelihood) in self.values.iter().zip(&mut self.likelihoods).take(self.len) {
            *likelihood = (-0.5 * z(*value).powi(2)).exp();
        }
    }

    fn blank(len: usize, limits: (f64, f64), spread: f64) -> Self {
        let len = len.min(LONGEST);
        Self { values: [0.0; LONGEST], likelihoods: [0.0; LONGEST], len, limits, first_spread: spread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_focuses_on_what_is_left_and_not_before() {
        let mut axis = Axis::uniform(5, 1.0);
        let before = axis;
        axis.learn(&[0.5, 0.8, 1.0, 0.8, 0.5, 0.0, 0.0, 0.0]);
        axis.focus();
        assert!(axis.nodes().zip(before.nodes()).all(|(a, b)| (a.value - b.value).abs() < 1e-12));
        axis.learn(&[0.0, 0.0, 0.05, 1.0, 0.05, 0.0, 0.0, 0.0]);
        axis.focus();
        let values: Vec<f64> = axis.nodes().map(|node| node.value).collect();
        assert!(
            values.windows(2).all(|w| w[1] - w[0] < 0.45) && values[0] < 0.5 && values[4] > 0.5,
            "{values:?}"
        );
    }
}
