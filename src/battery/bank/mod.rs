//! A bank of hypotheses: what the state of charge would be if the constants that nobody knows had these values.
//!
//! True capacity and gain of the shunt act as one factor `kappa`; the sensor's offset, the curve of the cell and (lead
//! acid) the strength of gassing are the others. Each hypothesis carries the interval in which the state of charge can
//! be if it is true. A voltage clamps each interval by the curve of its own; a hypothesis that would have to leave
//! its clamp is moved back and believed less. So the same readings that bound the state of charge teach capacity,
//! offset and curve, together and without counting one systematic error as many observations.

mod axes;
mod refine;
mod summary;

pub(super) use axes::Axes;
pub(super) use summary::Summary;

use super::hypothesis::Hypothesis;
use super::per_curve::{Bands, CURVES, Curve, PerCurve};

/// How far, in % of charge, a hypothesis may be moved in all before it is hardly believed: lithium, lead-acid. What
/// a lead-acid battery takes near full depends on more than one factor.
const MISS_SIGMA: (f64, f64) = (2.5, 10.0);
/// What the middles of the bands count for in the interval: they share one systematic error.
const HEARSAY: f64 = 0.2;
/// The spread of an estimate of which nothing is known, in %.
const UNKNOWN_SPREAD: f64 = 60.0;

/// The hypotheses.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bank {
    pub(super) axes: Axes,
    /// One for each place on the axes.
    pub(super) hypotheses: Box<[Hypothesis]>,
    /// Standard deviation of what is likely within each interval, in %.
    pub(super) spread: f64,
}

impl Bank {
    /// Nothing is known of the state of charge.
    pub(super) fn new(axes: &Axes) -> Self {
        let hypotheses = vec![Hypothesis::UNPLACED; axes.len()].into();
        let mut bank = Self { axes: *axes, hypotheses, spread: UNKNOWN_SPREAD };
        bank.lay_out();
        bank.believe_axes();
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
        self.stretch(below, above);
        self.spread = self.spread.hypot((below + above) / 4.0).min(UNKNOWN_SPREAD);
    }

    /// Widens every interval, by `below` and `above` in %, by what is possible and no likelier than before.
    pub(super) fn stretch(&mut self, below: f64, above: f64) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.low -= below;
            hypothesis.high += above;
        }
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

    /// Gives the hypotheses the constants on the axes.
    pub(super) fn lay_out(&mut self) {
        let lead = self.axes.lead;
        for (hypothesis, (kind, kappa, offset)) in self.hypotheses.iter_mut().zip(self.axes.places()) {
            hypothesis.place = (kind.place, kappa.place, offset.place);
            (hypothesis.kappa, hypothesis.offset) = (kappa.value, offset.value);
            if lead {
                hypothesis.gassing = kind.value;
            } else {
                hypothesis.curve = CURVES.get(kind.place).copied().unwrap_or(Curve::Third);
            }
        }
        self.weigh();
    }

    /// Believes each hypothesis as its constants are likely on the axes.
    pub(super) fn believe_axes(&mut self) {
        for (hypothesis, (kind, kappa, offset)) in self.hypotheses.iter_mut().zip(self.axes.places()) {
            hypothesis.prior = -(kind.likelihood * kappa.likelihood * offset.likelihood).ln();
        }
        self.weigh();
    }

    fn weigh(&mut self) {
        let sigma = if self.axes.lead { MISS_SIGMA.1 } else { MISS_SIGMA.0 };
        let (miss, doubt) = self
            .hypotheses
            .iter()
            .fold((f64::INFINITY, f64::INFINITY), |(miss, doubt), h| (miss.min(h.miss), doubt.min(h.doubt)));
        for hypothesis in &mut self.hypotheses {
            let z = (hypothesis.miss - miss) / sigma;
            let doubt = hypothesis.doubt - doubt;
            hypothesis.against = hypothesis.prior + 0.5 * z * z + HEARSAY * doubt;
            hypothesis.weight = (-hypothesis.prior - 0.5 * z * z - doubt).exp();
        }
    }
}
