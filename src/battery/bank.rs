//! A bank of hypotheses: what the state of charge would be if the constants that nobody knows had these values.
//!
//! True capacity and gain of the shunt act as one factor `kappa`; the sensor's offset, the curve of the cell and (lead
//! acid) the strength of gassing are the others. Each hypothesis carries the interval in which the state of charge can
//! be if it is true. A voltage clamps each interval by the curve of its own; a hypothesis that would have to leave
//! its clamp is moved back and believed less. So the same readings that bound the state of charge teach capacity,
//! offset and curve, together and without counting one systematic error as many observations.

use super::Chemistry;
use super::axis::Axis;

/// Hypotheses in the bank.
pub(super) const SIZE: usize = 128;
/// Curves that a cell may follow: two known ones and their mean.
pub(super) const CURVES: usize = 3;
/// How far, in % of charge, a hypothesis may be moved in all before it is hardly believed.
const MISS_SIGMA: f64 = 1.2;
/// A hypothesis less likely than this share of the best does not widen the interval.
const IGNORED: f64 = 0.05;
/// What the middles of the bands count for in the interval: they share one systematic error.
const HEARSAY: f64 = 0.2;
/// The narrowest interval of one hypothesis, in %.
const NARROWEST: f64 = 0.6;
/// The spread of an estimate of which nothing is known, in %.
const UNKNOWN_SPREAD: f64 = 60.0;

/// Limits of the state of charge in % by the voltage, one for each curve of the chemistry.
pub(super) type Bands = [(f64, f64); CURVES];

/// What the hypotheses say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    pub(super) soc: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Mean of `kappa`: percent of the true capacity for one counted percent of the label.
    pub(super) kappa: f64,
    /// Mean offset, in % of the label's capacity per hour.
    pub(super) offset: f64,
}

/// The hypotheses, as columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bank {
    pub(super) axes: Axes,
    kappa: [f64; SIZE],
    offset: [f64; SIZE],
    gassing: [f64; SIZE],
    curve: [u8; SIZE],
    pub(super) low: [f64; SIZE],
    pub(super) high: [f64; SIZE],
    pub(super) likely: [f64; SIZE],
    pub(super) miss: [f64; SIZE],
    /// What else speaks against it: half the squared deviations from the middles of the bands.
    pub(super) doubt: [f64; SIZE],
    /// How plausible it is, which bounds the interval, and how likely, which places the estimate in it.
    plausible: [f64; SIZE],
    weight: [f64; SIZE],
    /// Standard deviation of `likely` within its interval, in %.
    pub(super) spread: f64,
}

/// The constants: their values and how likely each is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axes {
    pub(super) kappa: Axis,
    pub(super) offset: Axis,
    /// Curves for lithium, gassing for lead-acid.
    pub(super) kind: Axis,
    pub(super) lead: bool,
}

impl Axes {
    /// What is known before the first reading; `offset` is the sensor's limit in % per hour, `gain` that of its
    /// current as a share.
    pub(super) fn new(chemistry: Chemistry, offset: f64, gain: f64) -> Self {
        let lead = chemistry == Chemistry::LeadAcid;
        let (kappas, offsets) = if lead { (8, 4) } else { (8, 5) };
        let kappa = Axis::skewed(kappas, 1.0, (0.02 + 0.5 * gain, 0.075), (0.955, 1.265));
        let offset = Axis::uniform(offsets, offset);
        let kind = if lead { Axis::normal(4, 1.0, 0.45, (0.1, 2.2)) } else { Axis::choices(CURVES) };
        Self { kappa, offset, kind, lead }
    }
}

impl Bank {
    /// Nothing is known of the state of charge.
    pub(super) fn new(axes: Axes) -> Self {
        let mut bank = Self {
            axes,
            kappa: [1.0; SIZE],
            offset: [0.0; SIZE],
            gassing: [0.0; SIZE],
            curve: [0; SIZE],
            low: [0.0; SIZE],
            high: [100.0; SIZE],
            likely: [50.0; SIZE],
            miss: [0.0; SIZE],
            doubt: [0.0; SIZE],
            plausible: [1.0; SIZE],
            weight: [1.0; SIZE],
            spread: UNKNOWN_SPREAD,
        };
        bank.lay_out();
        bank
    }

    /// Sets every interval: a state of charge known by other means.
    pub(super) fn set(&mut self, soc: f64, low: f64, high: f64, spread: f64) {
        self.low = [low; SIZE];
        self.high = [high; SIZE];
        self.likely = [soc; SIZE];
        self.spread = spread;
    }

    /// Lets `percent` of the label's capacity flow in `hours`, and `gas` percent at most be lost as gas.
    pub(super) fn advance(&mut self, percent: f64, hours: f64, gas: f64) {
        for i in 0..SIZE {
            let counted = percent - self.offset[i] * hours;
            // No more can be lost than flows in.
            let lost = (self.gassing[i] * gas).min(counted.max(0.0));
            let step = self.kappa[i] * (counted - lost);
            self.low[i] += step;
            self.high[i] += step;
            self.likely[i] += step;
        }
    }

    /// Widens every interval, by `below` and `above` in %.
    pub(super) fn widen(&mut self, below: f64, above: f64) {
        for i in 0..SIZE {
            self.low[i] -= below;
            self.high[i] += above;
        }
        self.spread = (self.spread.powi(2) + ((below + above) / 4.0).powi(2)).sqrt().min(UNKNOWN_SPREAD);
    }

    /// Keeps every interval within the band of its curve.
    pub(super) fn clamp(&mut self, bands: &Bands) {
        let mut missed = false;
        for i in 0..SIZE {
            let (lowest, highest) = bands[usize::from(self.curve[i])];
            let (low, high) = (self.low[i], self.high[i]);
            if low > highest - NARROWEST {
                self.high[i] = highest;
                self.low[i] = highest - NARROWEST;
            } else if high < lowest + NARROWEST {
                self.low[i] = lowest;
                self.high[i] = lowest + NARROWEST;
            } else {
                self.low[i] = low.max(lowest);
                self.high[i] = high.min(highest);
            }
            let moved = (low - highest).max(lowest - high);
            if moved > 0.0 {
                self.miss[i] += moved;
                missed = true;
            }
        }
        if missed {
            self.weigh();
        }
    }

    /// Ties every interval to a full or empty battery: `bands` are narrow, and all that was known before is worth
    /// less than them.
    pub(super) fn tie(&mut self, bands: &Bands, spread: f64) {
        self.clamp(bands);
        for i in 0..SIZE {
            let (lowest, highest) = bands[usize::from(self.curve[i])];
            self.low[i] = lowest;
            self.high[i] = highest.max(lowest + NARROWEST);
            self.likely[i] = f64::midpoint(self.low[i], self.high[i]);
        }
        self.spread = spread;
    }

    /// Pulls the likely values by `share` towards the middles of the bands.
    pub(super) fn pull(&mut self, middles: &[f64; CURVES], share: f64) {
        for i in 0..SIZE {
            self.likely[i] += share * (middles[usize::from(self.curve[i])] - self.likely[i]);
        }
    }

    /// Believes hypotheses less the further they are from the middles of the bands, which are known to within
    /// `sigmas`; `share` is how much of an observation this is, and of the old ones goes.
    pub(super) fn compare(&mut self, middles: &[f64; CURVES], sigmas: &[f64; CURVES], share: f64) {
        for i in 0..SIZE {
            let curve = usize::from(self.curve[i]);
            let likely = mean_within(self.likely[i], self.spread, self.low[i], self.high[i]);
            let z = (likely - middles[curve]) / sigmas[curve];
            self.doubt[i] += share * (0.5 * z * z - self.doubt[i] / 8.0);
        }
        self.weigh();
    }

    /// Lets what was learned from misses fade; `share` of it goes.
    pub(super) fn forget(&mut self, share: f64) {
        for miss in &mut self.miss {
            *miss *= 1.0 - share;
        }
        self.weigh();
    }

    /// Lays the axes anew about what has been learned. Only when all intervals are about the same: after [`Self::tie`].
    pub(super) fn refine(&mut self) {
        let (kappas, offsets) = (self.axes.kappa.len(), self.axes.offset.len());
        let mut learned = [[0.0; super::axis::LONGEST]; 3];
        for (i, weight) in self.plausible.iter().enumerate() {
            let (kind, rest) = (i / (kappas * offsets), i % (kappas * offsets));
            learned[0][rest / offsets] += weight;
            learned[1][rest % offsets] += weight;
            learned[2][kind.min(super::axis::LONGEST - 1)] += weight;
        }
        let Axes { kappa, offset, kind, .. } = &mut self.axes;
        for (axis, learned) in [kappa, offset].into_iter().zip(&learned) {
            axis.learn(learned);
            axis.focus();
        }
        kind.learn(&learned[2]);
        (self.miss, self.doubt) = ([0.0; SIZE], [0.0; SIZE]);
        self.lay_out();
    }

    /// What the hypotheses say together.
    pub(super) fn summary(&self) -> Summary {
        let best = self.plausible.iter().fold(0.0_f64, |a, &b| a.max(b));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut mass, mut soc, mut kappa, mut offset) = (0.0, 0.0, 0.0, 0.0);
        let twice = 2.0 * self.spread;
        for i in 0..SIZE {
            if self.plausible[i] < IGNORED * best {
                continue;
            }
            let weight = self.weight[i];
            let (l, h) = (self.low[i].clamp(0.0, 100.0), self.high[i].clamp(0.0, 100.0));
            low = low.min(l);
            high = high.max(h);
            // A wide interval holds more of what was possible at first.
            let width = h - l;
            let w = weight * weight * (width + 0.5) / (width + 0.5 + twice);
            mass += w;
            soc += w * mean_within(self.likely[i], self.spread, l, h);
            kappa += w * self.kappa[i];
            offset += w * self.offset[i];
        }
        if !(mass > 0.0) {
            return Summary { soc: 50.0, low: 0.0, high: 100.0, kappa: 1.0, offset: 0.0 };
        }
        Summary { soc: soc / mass, low, high, kappa: kappa / mass, offset: offset / mass }
    }

    /// Fills the columns of constants from the axes.
    pub(super) fn lay_out(&mut self) {
        let (kappas, offsets) = (self.axes.kappa.len(), self.axes.offset.len());
        for i in 0..SIZE {
            let (kind, rest) = (i / (kappas * offsets), i % (kappas * offsets));
            self.kappa[i] = self.axes.kappa.value(rest / offsets);
            self.offset[i] = self.axes.offset.value(rest % offsets);
            if self.axes.lead {
                self.gassing[i] = self.axes.kind.value(kind);
                self.curve[i] = 0;
            } else {
                self.curve[i] = u8::try_from(kind % CURVES).unwrap_or(0);
            }
        }
        self.weigh();
    }

    fn weigh(&mut self) {
        let (kappas, offsets) = (self.axes.kappa.len(), self.axes.offset.len());
        let calmest = self.doubt.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        let least = self.miss.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        for i in 0..SIZE {
            let (kind, rest) = (i / (kappas * offsets), i % (kappas * offsets));
            let prior = self.axes.kind.likelihood(kind)
                * self.axes.kappa.likelihood(rest / offsets)
                * self.axes.offset.likelihood(rest % offsets);
            let z = (self.miss[i] - least) / MISS_SIGMA;
            let doubt = self.doubt[i] - calmest;
            self.plausible[i] = prior * (-0.5 * z * z - HEARSAY * doubt).exp();
            self.weight[i] = prior * (-0.5 * z * z - doubt).exp();
        }
    }
}

/// About the mean of a normal distribution that is cut off below `low` and above `high`.
fn mean_within(mean: f64, spread: f64, low: f64, high: f64) -> f64 {
    let (from_below, from_above) =
        ((low - mean + 2.0 * spread).max(0.0), (mean + 2.0 * spread - high).max(0.0));
    let pushed = mean + 0.2 * (from_below * from_below - from_above * from_above) / spread;
    let width = high - low;
    let known = width * width / (width * width + 4.0 * spread * spread);
    let middle = f64::midpoint(low, high);
    middle + known * (pushed.clamp(low, high) - middle)
}
