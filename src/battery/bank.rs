//! A bank of hypotheses: what the state of charge would be if the constants that nobody knows had these values.
//!
//! True capacity and gain of the shunt act as one factor `kappa`; the sensor's offset, the curve of the cell and (lead
//! acid) the strength of gassing are the others. Each hypothesis carries the interval in which the state of charge can
//! be if it is true. A voltage clamps each interval by the curve of its own; a hypothesis that would have to leave
//! its clamp is moved back and believed less. So the same readings that bound the state of charge teach capacity,
//! offset and curve, together and without counting one systematic error as many observations.

use super::Chemistry;
use super::axis::{Axis, LONGEST};
use super::hypothesis::Hypothesis;
use super::per_curve::{Bands, CURVES, Curve, PerCurve};

/// Hypotheses in the bank, at most.
pub(super) const SIZE: usize = 128;
/// How far, in % of charge, a hypothesis may be moved in all before it is hardly believed: lithium, lead-acid. What
/// a lead-acid battery takes near full depends on more than one factor.
const MISS_SIGMA: (f64, f64) = (2.5, 10.0);
/// A hypothesis less plausible than this share of the best does not widen the interval.
const IGNORED: f64 = 0.02;
/// A curve stays at least so likely beside the likeliest.
const LEAST_CURVE: f64 = 0.2;
/// What the middles of the bands count for in the interval: they share one systematic error.
const HEARSAY: f64 = 0.2;
/// The spread of an estimate of which nothing is known, in %.
const UNKNOWN_SPREAD: f64 = 60.0;

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

/// The hypotheses.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bank {
    pub(super) axes: Axes,
    pub(super) hypotheses: [Hypothesis; SIZE],
    /// Standard deviation of what is likely within each interval, in %.
    pub(super) spread: f64,
}

/// The constants: their values and how likely each is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axes {
    pub(super) kappa: Axis,
    pub(super) offset: Axis,
    /// Curves for lithium, gassing for lead-acid.
    pub(super) kind: Axis,
    lead: bool,
}

impl Axes {
    /// What is known before the first reading; `offset` is the sensor's limit in % per hour, `gain` that of its
    /// current as a share.
    pub(super) fn new(chemistry: Chemistry, offset: f64, gain: f64) -> Self {
        let lead = chemistry == Chemistry::LeadAcid;
        let offsets = if lead { 4 } else { 5 };
        let kind = if lead { Axis::normal(4, 1.0, 0.45, (0.1, 2.2)) } else { Axis::choices(CURVES.len()) };
        Self {
            // Few packs hold more than their label, and many less.
            kappa: Axis::skewed(LONGEST, 1.0, (0.02 + 0.5 * gain, 0.086), (0.955, 1.265)),
            offset: Axis::uniform(offsets, offset),
            kind,
            lead,
        }
    }
}

impl Bank {
    /// Nothing is known of the state of charge.
    pub(super) fn new(axes: &Axes) -> Self {
        let mut bank = Self { axes: *axes, hypotheses: [Hypothesis::VOID; SIZE], spread: UNKNOWN_SPREAD };
        bank.lay_out();
        bank
    }

    /// Sets every interval: a state of charge known by other means.
    pub(super) fn set(&mut self, soc: f64, low: f64, high: f64, spread: f64) {
        for hypothesis in &mut self.hypotheses {
            (hypothesis.low, hypothesis.high, hypothesis.likely) = (low, high, soc);
        }
        self.spread = spread;
    }

    /// Lets `percent` of the label's capacity flow in `hours`, and about `gas` percent be lost as gas.
    pub(super) fn advance(&mut self, percent: f64, hours: f64, gas: f64) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.advance(percent, hours, gas);
        }
    }

    /// Widens every interval, by `below` and `above` in %.
    pub(super) fn widen(&mut self, below: f64, above: f64) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.low -= below;
            hypothesis.high += above;
        }
        self.spread = self.spread.hypot((below + above) / 4.0).min(UNKNOWN_SPREAD);
    }

    /// Keeps every interval within the band of its curve.
    pub(super) fn clamp(&mut self, bands: &Bands) {
        let mut missed = false;
        for hypothesis in &mut self.hypotheses {
            missed |= hypothesis.clamp(bands);
        }
        if missed {
            self.weigh();
        }
    }

    /// Lifts every interval to `lowest`, which speaks against no hypothesis.
    pub(super) fn lift(&mut self, lowest: f64) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.lift(lowest);
        }
    }

    /// Ties every interval to a full battery: `bands` are narrow, and all that was known before is worth less.
    pub(super) fn tie(&mut self, bands: &Bands, likely: &PerCurve<f64>, spread: f64) {
        self.clamp(bands);
        for hypothesis in &mut self.hypotheses {
            hypothesis.tie(bands, likely);
        }
        self.spread = spread;
    }

    /// Pulls the likely values by `share` towards the middles of the bands.
    pub(super) fn pull(&mut self, middles: &PerCurve<f64>, share: f64) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.likely += share * (middles.of(hypothesis.curve) - hypothesis.likely);
        }
    }

    /// Believes hypotheses less the further they are from the middles of the bands, which are known to within
    /// `sigmas`; `share` is how much of an observation this is.
    pub(super) fn compare(&mut self, middles: &PerCurve<f64>, sigmas: &PerCurve<f64>, share: f64) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.compare(middles, sigmas, self.spread, share);
        }
        self.weigh();
    }

    /// Lets what was learned from misses fade; `share` of it goes.
    pub(super) fn forget(&mut self, share: f64) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.miss *= 1.0 - share;
        }
        self.weigh();
    }

    /// Writes what was learned into the axes. Only when all intervals are about the same: after [`Self::tie`].
    pub(super) fn refine(&mut self) {
        let mut learned = [[0.0; LONGEST]; 3];
        let [kinds, kappas, offsets] = &mut learned;
        for hypothesis in &self.hypotheses {
            let (kind, kappa, offset) = hypothesis.place;
            for (sums, place) in [(&mut *kinds, kind), (&mut *kappas, kappa), (&mut *offsets, offset)] {
                if let Some(sum) = sums.get_mut(place) {
                    *sum += hypothesis.plausible;
                }
            }
        }
        let Axes { kappa, offset, kind, .. } = &mut self.axes;
        for (axis, learned) in [(&mut *kappa, kappas), (offset, offsets)] {
            axis.learn(learned);
            axis.focus();
        }
        // No curve is given up: the next discharge may tell more of it than this one.
        let most = kinds.iter().fold(0.0_f64, |a, &b| a.max(b));
        for kind in kinds.iter_mut() {
            *kind = kind.max(LEAST_CURVE * most);
        }
        kind.learn(kinds);
        for hypothesis in &mut self.hypotheses {
            (hypothesis.slid, hypothesis.miss, hypothesis.doubt) = (0.0, 0.0, 0.0);
        }
        self.lay_out();
    }

    /// What the hypotheses say together.
    pub(super) fn summary(&self) -> Summary {
        let best = self.hypotheses.iter().fold(0.0_f64, |best, h| best.max(h.plausible));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut mass, mut soc, mut kappa, mut offset) = (0.0, 0.0, 0.0, 0.0);
        for hypothesis in self.hypotheses.iter().filter(|h| h.plausible > IGNORED * best) {
            let (lowest, highest, likely) = hypothesis.state(self.spread);
            low = low.min(lowest);
            high = high.max(highest);
            // A wide interval holds more of what was possible at first. The power leans the estimate towards the
            // label: the interval has to think of every aged pack, the estimate only of likely ones.
            let room = highest - lowest + 0.5;
            let weight = hypothesis.weight.powi(4) * room / (room + 2.0 * self.spread);
            mass += weight;
            soc += weight * likely;
            kappa += weight * hypothesis.kappa;
            offset += weight * hypothesis.offset;
        }
        if mass > 0.0 {
            Summary { soc: soc / mass, low, high, kappa: kappa / mass, offset: offset / mass }
        } else {
            Summary { soc: 50.0, low: 0.0, high: 100.0, kappa: 1.0, offset: 0.0 }
        }
    }

    /// Gives the hypotheses the constants on the axes.
    pub(super) fn lay_out(&mut self) {
        let Axes { kappa, offset, kind, lead } = self.axes;
        let places = kind.nodes().flat_map(|kind| {
            kappa.nodes().flat_map(move |kappa| offset.nodes().map(move |offset| (kind, kappa, offset)))
        });
        for (hypothesis, (kind, kappa, offset)) in self.hypotheses.iter_mut().zip(places) {
            hypothesis.place = (kind.place, kappa.place, offset.place);
            hypothesis.prior = kind.likelihood * kappa.likelihood * offset.likelihood;
            (hypothesis.kappa, hypothesis.offset) = (kappa.value, offset.value);
            if lead {
                hypothesis.gassing = kind.value;
            } else {
                hypothesis.curve = CURVES.get(kind.place).copied().unwrap_or(Curve::Mean);
            }
        }
        self.weigh();
    }

    fn weigh(&mut self) {
        let sigma = if self.axes.lead { MISS_SIGMA.1 } else { MISS_SIGMA.0 };
        let used = self.hypotheses.iter().filter(|h| h.prior > 0.0);
        let (miss, doubt) = used
            .fold((f64::INFINITY, f64::INFINITY), |(miss, doubt), h| (miss.min(h.miss), doubt.min(h.doubt)));
        for hypothesis in &mut self.hypotheses {
            let z = (hypothesis.miss - miss) / sigma;
            let doubt = hypothesis.doubt - doubt;
            hypothesis.plausible = hypothesis.prior * (-0.5 * z * z - HEARSAY * doubt).exp();
            hypothesis.weight = hypothesis.prior * (-0.5 * z * z - doubt).exp();
        }
    }
}
