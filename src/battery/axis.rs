//! One unknown constant: the values that it may have, and how likely each is.

/// Values on the longest axis.
pub(super) const LONGEST: usize = 8;
/// How many standard deviations the outermost values lie from the mean.
const REACH: f64 = 2.4;
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

    /// Alternatives, each as likely as given.
    pub(super) fn choices(likelihoods: &[f64]) -> Self {
        let last = (likelihoods.len().max(1) - 1) as f64;
        let mut axis = Self::blank(likelihoods.len(), (0.0, last), 0.0);
        axis.spread_out((0.0, last));
        axis.likelihoods.iter_mut().zip(likelihoods).for_each(|(own, given)| *own = *given);
        axis
    }

    /// Its values, in rising order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        let (values, likelihoods) = (self.values, self.likelihoods);
        let pairs = values.into_iter().zip(likelihoods).take(self.len).enumerate();
        pairs.map(|(place, (value, likelihood))| Node { place, value, likelihood })
    }

    /// The axis with its values laid anew, if only neighbours among them are still likely; `likelihoods` are what was
    /// learned of each.
    pub(super) fn focused(&self, likelihoods: &[f64; LONGEST]) -> Option<Self> {
        let nodes = || self.values.iter().zip(likelihoods).take(self.len);
        let sum: f64 = nodes().map(|(_, likelihood)| likelihood).sum();
        let mean = nodes().map(|(value, likelihood)| value * likelihood).sum::<f64>() / sum;
        let variance =
            nodes().map(|(value, likelihood)| (value - mean).powi(2) * likelihood).sum::<f64>() / sum;
        let [first, second, ..] = self.values;
        let (spread, step) = (variance.sqrt(), second - first);
        (spread < step && step > self.first_spread * SHARPEST).then(|| {
            let mut focused = *self;
            focused.place(mean, (spread * 1.2).max(0.6 * step));
            focused
        })
    }

    /// What is at `value` if `at` gives it for each place on this axis: linear between the places; beyond its ends what
    /// is there, and how many steps further out that is.
    pub(super) fn between(&self, value: f64, at: impl Fn(usize) -> f64) -> (f64, f64) {
        let [first, second, ..] = self.values;
        let last = self.len.saturating_sub(1);
        let place = (value - first) / (second - first);
        let inside = place.clamp(0.0, last as f64);
        let below = (1..last).rfind(|&below| below as f64 <= inside).unwrap_or(0);
        let share = inside - below as f64;
        (at(below) * (1.0 - share) + at((below + 1).min(last)) * share, (place - inside).abs())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All values, for saving.
    pub(super) fn values(&self) -> &[f64; LONGEST] {
        &self.values
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
        let axis = Axis::uniform(5, 1.0);
        assert_eq!(axis.focused(&[0.5, 0.8, 1.0, 0.8, 0.5, 0.0, 0.0, 0.0]), None);
        let axis = axis.focused(&[0.0, 0.0, 0.05, 1.0, 0.05, 0.0, 0.0, 0.0]).unwrap();
        let values: Vec<f64> = axis.nodes().map(|node| node.value).collect();
        assert!(
            values.windows(2).all(|w| w[1] - w[0] < 0.45) && values[0] < 0.5 && values[4] > 0.5,
            "{values:?}"
        );
    }

    #[test]
    fn what_is_known_on_an_axis_is_known_between_its_values_and_how_far_beyond_them() {
        let axis = Axis::uniform(5, 1.0);
        let square = |place| (place * place) as f64;
        for (value, at, beyond) in [(-1.0, 0.0, 0.0), (0.25, 6.5, 0.0), (1.0, 16.0, 0.0), (2.0, 16.0, 2.0)] {
            assert_eq!(axis.between(value, square), (at, beyond), "{value}");
        }
    }
}
