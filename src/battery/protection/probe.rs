//! The temperature probe, as far as it speaks at all.

use super::Limits;
use super::delay::Delay;

/// Whether the probe speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Probe {
    silent: Delay,
    is_lost: bool,
    has_spoken: bool,
}

impl Probe {
    /// Takes what it says, `seconds` after the last; whether it has been silent for too long.
    pub(super) fn listen(&mut self, celsius: Option<f64>, limits: &Limits, seconds: f64) -> bool {
        self.has_spoken |= celsius.is_some();
        self.is_lost =
            self.silent.holds(limits.has_probe && celsius.is_none(), limits.probe_seconds, seconds);
        self.is_lost
    }

    /// Whether nobody can say how cold the battery is, though somebody should: it is lost, or has not spoken yet.
    pub(super) fn leaves_unknown(&self, limits: &Limits) -> bool {
        limits.has_probe && (self.is_lost || !self.has_spoken)
    }
}
