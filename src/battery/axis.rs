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
        let (least, most) = limits;
        for i in 0..axis.len {
            let value = least + (most - least) * i as f64 / (len - 1) as f64;
            let z = (value - mode) / if value < mode { below } else { above };
            axis.values[i] = value;
            axis.likelihoods[i] = (-0.5 * z * z).exp();
        }
        axis
    }

    /// Anything up to ± `limit`.
    pub(super) fn uniform(len: usize, limit: f64) -> Self {
        let mut axis = Self::blank(len, (-limit, limit), limit / 3.0_f64.sqrt());
        for i in 0..len {
            axis.values[i] = limit * ((2 * i + 1) as f64 / len as f64 - 1.0);
            axis.likelihoods[i] = 1.0;
        }
        axis
    }

    /// So many alternatives.
    pub(super) fn choices(len: usize) -> Self {
        let mut axis = Self::blank(len, (0.0, len as f64), 0.0);
        for i in 0..len {
            axis.values[i] = i as f64;
            axis.likelihoods[i] = 1.0;
        }
        axis
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn value(&self, i: usize) -> f64 {
        self.values.get(i).copied().unwrap_or_default()
    }

    pub(super) fn likelihood(&self, i: usize) -> f64 {
        self.likelihoods.get(i).copied().unwrap_or_default()
    }

    /// Takes what was learned: a new likelihood of each value. Where but two or three are left, the values are laid
    /// anew between them.
    pub(super) fn learn(&mut self, likelihoods: &[f64; LONGEST]) {
        let most = likelihoods.iter().fold(f64::MIN_POSITIVE, |a, &b| a.max(b));
        for (own, new) in self.likelihoods.iter_mut().zip(likelihoods) {
            *own = (new / most).powf(RELAX).max(FORSAKEN);
        }
    }

    /// Lays the values anew if only neighbours among them are still likely.
    pub(super) fn focus(&mut self) {
        let pairs = || self.values.iter().zip(&self.likelihoods).take(self.len);
        let sum: f64 = pairs().map(|(_, w)| w).sum();
        let mean = pairs().map(|(x, w)| x * w).sum::<f64>() / sum;
        let spread = (pairs().map(|(x, w)| (x - mean).powi(2) * w).sum::<f64>() / sum).sqrt();
        let step = self.value(1) - self.value(0);
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
        if !used.iter().all(fits) || !likelihoods.iter().all(|l| *l >= 0.0) || !(sum > 0.0) {
            return false;
        }
        (self.values, self.likelihoods) = (values, likelihoods);
        true
    }

    /// Puts the values where a normal distribution of this mean and spread is.
    pub(super) fn place(&mut self, mean: f64, spread: f64) {
        let (least, most) = self.limits;
        let mean = mean.clamp(least, most);
        let (from, to) = ((mean - REACH * spread).max(least), (mean + REACH * spread).min(most));
        let step = if self.len > 1 { (to - from) / (self.len - 1) as f64 } else { 0.0 };
        for i in 0..self.len {
            let value = from + step * i as f64;
            let z = (value - mean) / spread;
            self.values[i] = value;
            self.likelihoods[i] = (-0.5 * z * z).exp();
        }
    }

    fn blank(len: usize, limits: (f64, f64), spread: f64) -> Self {
        Self {
            values: [0.0; LONGEST],
            likelihoods: [0.0; LONGEST],
            len: len.min(LONGEST),
            limits,
            first_spread: spread,
        }
    }
}
