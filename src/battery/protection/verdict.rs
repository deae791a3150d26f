//! What comes out of the protection.

use ems_protocol::State;

use super::Flags;

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The label.
    pub state: State,
    /// Whether the battery may be charged.
    pub charge_allowed: bool,
    /// Whether it may be drawn from.
    pub load_allowed: bool,
    /// What is wrong: forbids something.
    pub faults: Flags,
    /// What deserves a look.
    pub warnings: Flags,
}

impl Verdict {
    /// The label, as far as it is known: where no current is measured, nobody knows whether the battery is charged,
    /// drawn from or neither.
    pub fn label(&self, current: Option<f64>) -> Option<State> {
        let is_told_by_current = matches!(self.state, State::Idle | State::Charging | State::Discharging);
        Some(self.state).filter(|_| current.is_some() || !is_told_by_current)
    }
}

/// What must outlive a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Charging was stopped by a full battery.
    pub full: bool,
    /// Loads were cut by an empty one.
    pub empty: bool,
    /// The faults that stay until they are reset.
    pub latched: Flags,
}
