//! What the estimator is told, and what it answers.

use super::{Pack, SensorErrors};

/// What is known of the state of charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// State of charge in %, 0 to 100, from `low` to `high`.
    pub soc: f64,
    /// It is not lower than this, in %.
    pub low: f64,
    /// It is not higher than this, in %.
    pub high: f64,
    /// Whether a full charge or discharge has fixed it.
    pub synced: bool,
}

/// What the estimator is told of the installation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setup {
    /// What the label says.
    pub pack: Pack,
    /// What the sensor may be wrong by.
    pub errors: SensorErrors,
    /// The charger's voltage, in V per cell.
    pub full_cell_volts: f64,
    /// What is drawn from the battery past the shunt, in A.
    pub standby_amps: f64,
    /// The time between two readings, in s.
    pub interval_seconds: f64,
}
