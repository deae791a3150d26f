//! What is learned from one full charge to the next.

use super::{Axes, Bank};
use crate::battery::axis::{Axis, LONGEST};

/// No more than this ever speaks against a curve beside the best, in nats: the next discharge may tell more of it than
/// this one.
const LEAST_CURVE: f64 = 1.6;
/// The share of what speaks against a hypothesis that is kept from one full charge to the next, and the most, in nats:
/// constants are not quite constant, and nothing is given up for good.
const RELAX: f64 = 0.95;
const FORSAKEN: f64 = 9.2;
/// What is left of it when the values on an axis are laid anew.
const REFOCUSED: f64 = 0.7;

impl Bank {
    /// Takes what was learned for what is known before the next readings: which constants go together, not each for itself.
    /// Only when all intervals are about the same: after [`Self::tie`].
    pub(in crate::battery) fn refine(&mut self) {
        let mut best = [f64::INFINITY; LONGEST];
        for hypothesis in &self.hypotheses {
            if let Some(best) = best.get_mut(hypothesis.place.0) {
                *best = best.min(hypothesis.against);
            }
        }
        let least = best.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        for hypothesis in &mut self.hypotheses {
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
}
