//! What the hypotheses say together: an interval that holds all that is plausible, and the estimate in it.

use super::Bank;
use crate::battery::hypothesis::Hypothesis;

/// Where this much more, in nats, speaks against a hypothesis than against the best, the interval ends.
const IGNORED: f64 = 3.5;

/// What the hypotheses say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::battery) struct Summary {
    pub(in crate::battery) soc: f64,
    pub(in crate::battery) low: f64,
    pub(in crate::battery) high: f64,
    /// Mean of `kappa`: percent of the true capacity for one counted percent of the label.
    pub(in crate::battery) kappa: f64,
    /// Mean offset, in % of the label's capacity per hour.
    pub(in crate::battery) offset: f64,
}

impl Bank {
    /// What the hypotheses say together.
    pub(in crate::battery) fn summary(&self) -> Summary {
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
}
