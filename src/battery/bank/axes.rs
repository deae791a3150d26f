//! The constants that nobody knows: their values, and how likely each is before the first reading.

use crate::battery::Chemistry;
use crate::battery::axis::{Axis, LONGEST, Node};

/// How likely a cell of the third known curve is beside each of the others: some lie where it does, most do not, and as likely as they
/// it would make the interval of each wider.
const THIRD_CURVE: f64 = 0.07;

/// The constants: their values and how likely each is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::battery) struct Axes {
    pub(in crate::battery) kappa: Axis,
    pub(in crate::battery) offset: Axis,
    /// Curves for lithium, gassing for lead-acid.
    pub(in crate::battery) kind: Axis,
    pub(super) lead: bool,
}

impl Axes {
    /// What is known before the first reading; `offset` is the sensor's limit in % per hour, `gain` that of its
    /// current as a share.
    pub(in crate::battery) fn new(chemistry: Chemistry, offset: f64, gain: f64) -> Self {
        let lead = chemistry == Chemistry::LeadAcid;
        let offsets = if lead { 4 } else { 5 };
        let kind = match chemistry {
            Chemistry::Lfp => Axis::choices(&[1.0; 3]),
            Chemistry::Nmc => Axis::choices(&[1.0, 1.0, 1.0, THIRD_CURVE]),
            Chemistry::LeadAcid => Axis::normal(4, 1.0, 0.45, (0.1, 2.2)),
        };
        Self {
            // Few packs hold more than their label, and many less.
            kappa: Axis::skewed(LONGEST, 1.0, (0.02 + 0.5 * gain, 0.086), (0.955, 1.265)),
            offset: Axis::uniform(offsets, offset),
            kind,
            lead,
        }
    }

    /// How many hypotheses there are.
    pub(super) fn len(&self) -> usize {
        self.kind.len() * self.kappa.len() * self.offset.len()
    }

    /// The values that belong together, in the order of the hypotheses.
    pub(super) fn places(&self) -> impl Iterator<Item = (Node, Node, Node)> + use<> {
        let Self { kappa, offset, kind, .. } = *self;
        kind.nodes().flat_map(move |kind| {
            kappa.nodes().flat_map(move |kappa| offset.nodes().map(move |offset| (kind, kappa, offset)))
        })
    }
}
