//! A bank of hypotheses: what the state of charge would be if the constants that nobody knows had these values.
//!
//! True capacity and gain of the shunt act as one factor `kappa`; the sensor's offset, the curve of the cell and (lead
//! acid) the strength of gassing are the others. Each hypothesis carries the interval in which the state of charge can
//! be if it is true. A voltage clamps each interval by the curve of its own; a hypothesis that would have to leave
//! its clamp is moved back and believed less. So the same readings that bound the state of charge teach capacity,
//! offset and curve, together and without counting one systematic error as many observations.

use super::Chemistry;
use super::axis::{Axis, LONGEST, Node};
use super::hypothesis::Hypothesis;
use super::per_curve::{Bands, CURVES, Curve, PerCurve};

/// Hypotheses in the bank, at most.
pub(super) const SIZE: usize = 128;
/// How far, in % of charge, a hypothesis may be moved in all before it is hardly believed: lithium, lead-acid. What
/// a lead-acid battery takes near full depends on more than one factor.
const MISS_SIGMA: (f64, f64) = (2.5, 10.0);
/// Where this much more, in nats, speaks against a hypothesis than against the best, the interval ends.
const IGNORED: f64 = 3.5;
/// No more than this ever speaks against a curve beside the best, in nats: the next discharge may tell more of it than
/// this one.
const LEAST_CURVE: f64 = 1.6;
/// The share of what speaks against a hypothesis that is kept from one full charge to the next, and the most, in nats:
/// constants are not quite constant, and nothing is given up for good.
const RELAX: f64 = 0.95;
const FORSAKEN: f64 = 9.2;
/// What is left of it when the values on an axis are laid anew.
const REFOCUSED: f64 = 0.7;
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

    /// The values that belong together, in the order of the hypotheses.
    fn places(&self) -> impl Iterator<Item = (Node, Node, Node)> + use<> {
        let Self { kappa, offset, kind, .. } = *self;
        kind.nodes().flat_map(move |kind| {
            kappa.nodes().flat_map(move |kappa| offset.nodes().map(move |offset| (kind, kappa, offset)))
        })
    }
}

impl Bank {
    /// Nothing is known of the state of charge.
    pub(super) fn new(axes: &Axes) -> Self {
        let mut bank = Self { axes: *axes, hypotheses: [Hypothesis::VOID; SIZE], spread: UNKNOWN_SPREAD };
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

    /// Takes what was learned for what is known before the next readings: which constants go together, not each for itself.
    /// Only when all intervals are about the same: after [`Self::tie`].
    pub(super) fn refine(&mut self) {
        let mut best = [f64::INFINITY; LONGEST];
        for hypothesis in &self.hypotheses {
            if let Some(best) = best.get_mut(hypothesis.place.0) {
                *best = best.min(hypothesis.against);
            }
        }
        let least = best.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        for hypothesis in self.hypotheses.iter_mut().filter(|h| h.prior.is_finite()) {
            let of_curve = best.get(hypothesis.place.0).map_or(0.0, |best| best - least);
            let against = hypothesis.against - least - (of_curve - LEAST_CURVE).max(0.0);
            hypothesis.prior = (RELAX * against).min(FORSAKEN);
            (hypothesis.slid, hypothesis.miss, hypothesis.doubt) = (0.0, 0.0, 0.0);
        }
        self.weigh();
        let [kappas, offsets] = self.marginals();
        let Axes { kappa, offset, kind, .. } = self.axes;
        let (kinds, kappas_len, offsets_len) = (kind.len(), kappa.len(), offset.len());
        if let Some(focused) = kappa.focused(&kappas) {
            let starts = (0..kinds * offsets_len)
                .map(|i| i / offsets_len * kappas_len * offsets_len + i % offsets_len);
            self.carry_over(&kappa, &focused, starts, offsets_len);
            self.axes.kappa = focused;
        }
        if let Some(focused) = offset.focused(&offsets) {
            self.carry_over(&offset, &focused, (0..kinds * kappas_len).map(|i| i * offsets_len), 1);
            self.axes.offset = focused;
        }
        self.lay_out();
    }

    /// What the hypotheses say together.
    pub(super) fn summary(&self) -> Summary {
        let limit = self.hypotheses.iter().fold(f64::INFINITY, |best, h| best.min(h.against)) + IGNORED;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut mass, mut soc, mut kappa, mut offset) = (0.0, 0.0, 0.0, 0.0);
        for (index, hypothesis) in self.hypotheses.iter().enumerate().filter(|(_, h)| h.against < limit) {
            let (lowest, highest, likely) = hypothesis.state(self.spread);
            let (beyond_low, beyond_high) = self.up_to(limit, index, hypothesis);
            low = low.min(lowest).min(beyond_low);
            high = high.max(highest).max(beyond_high);
            // A wide interval holds more of what was possible at first. The power leans the estimate towards the
            // label: the interval has to think of every aged pack, the estimate only of likely ones.
            let room = highest - lowest + 0.5;
            let weight = hypothesis.weight.powi(5) * room / (room + 2.0 * self.spread);
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
        let lead = self.axes.lead;
        for (hypothesis, (kind, kappa, offset)) in self.hypotheses.iter_mut().zip(self.axes.places()) {
            hypothesis.place = (kind.place, kappa.place, offset.place);
            (hypothesis.kappa, hypothesis.offset) = (kappa.value, offset.value);
            if lead {
                hypothesis.gassing = kind.value;
            } else {
                hypothesis.curve = CURVES.get(kind.place).copied().unwrap_or(Curve::Mean);
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

    /// The ends of the interval where, between this hypothesis and those beside it, as much speaks against it as `limit`.
    fn up_to(&self, limit: f64, index: usize, hypothesis: &Hypothesis) -> (f64, f64) {
        let step = self.axes.offset.len();
        let (_, kappa, offset) = hypothesis.place;
        let beside = [
            (kappa > 0).then(|| index.wrapping_sub(step)),
            (kappa + 1 < self.axes.kappa.len()).then_some(index + step),
            (offset > 0).then(|| index.wrapping_sub(1)),
            (offset + 1 < step).then_some(index + 1),
        ];
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for next in beside.into_iter().flatten().filter_map(|index| self.hypotheses.get(index)) {
            if next.against >= limit {
                let share = (limit - hypothesis.against) / (next.against - hypothesis.against);
                low = low.min(hypothesis.low + share * (next.low - hypothesis.low));
                high = high.max(hypothesis.high + share * (next.high - hypothesis.high));
            }
        }
        (low.max(0.0), high.min(100.0))
    }

    /// How likely each value of `kappa` and of the offset is.
    fn marginals(&self) -> [[f64; LONGEST]; 2] {
        let mut marginals = [[0.0; LONGEST]; 2];
        let [kappas, offsets] = &mut marginals;
        for hypothesis in &self.hypotheses {
            let (_, kappa, offset) = hypothesis.place;
            for (sums, place) in [(&mut *kappas, kappa), (&mut *offsets, offset)] {
                if let Some(sum) = sums.get_mut(place) {
                    *sum += (-hypothesis.prior).exp();
                }
            }
        }
        marginals
    }

    /// Believes the hypotheses on an axis whose values are laid anew as what lay there on the `old` one. Along the axis they
    /// begin at `starts`, `stride` apart.
    fn carry_over(&mut self, old: &Axis, new: &Axis, starts: impl Iterator<Item = usize>, stride: usize) {
        for start in starts {
            let mut known = [0.0; LONGEST];
            for (place, known) in known.iter_mut().enumerate().take(old.len()) {
                *known = self.hypotheses.get(start + place * stride).map_or(0.0, |h| h.prior);
            }
            for node in new.nodes() {
                let (prior, beyond) =
                    old.between(node.value, |place| known.get(place).copied().unwrap_or(FORSAKEN));
                if let Some(hypothesis) = self.hypotheses.get_mut(start + node.place * stride) {
                    hypothesis.prior = (REFOCUSED * prior + 0.5 * beyond * beyond).min(FORSAKEN);
                }
            }
        }
    }

    fn weigh(&mut self) {
        let sigma = if self.axes.lead { MISS_SIGMA.1 } else { MISS_SIGMA.0 };
        let used = self.hypotheses.iter().filter(|h| h.prior.is_finite());
        let (miss, doubt) = used
            .fold((f64::INFINITY, f64::INFINITY), |(miss, doubt), h| (miss.min(h.miss), doubt.min(h.doubt)));
        for hypothesis in &mut self.hypotheses {
            let z = (hypothesis.miss - miss) / sigma;
            let doubt = hypothesis.doubt - doubt;
            hypothesis.against = hypothesis.prior + 0.5 * z * z + HEARSAY * doubt;
            hypothesis.weight = (-hypothesis.prior - 0.5 * z * z - doubt).exp();
        }
    }
}
