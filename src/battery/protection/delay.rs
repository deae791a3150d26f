//! A condition that must hold for a while.

/// How long a condition has held.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Delay {
    held: f64,
}

impl Delay {
    /// Whether `condition` has held for `needed` seconds, `seconds` of them since the last call.
    pub(super) fn holds(&mut self, condition: bool, needed: f64, seconds: f64) -> bool {
        self.held = if condition { self.held + seconds } else { 0.0 };
        condition && self.held >= needed
    }
}
