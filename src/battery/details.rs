//! What is measured of the battery, and what is known of it beside the state of charge.

use super::Meter;
use super::protection::Verdict;

/// One reading of the sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Voltage of the pack, in V.
    pub voltage: f64,
    /// In A, positive while charging; `None` if the wiring measures none.
    pub current: Option<f64>,
    /// Of the battery, in °C, if there is a probe.
    pub temperature: Option<f64>,
}

/// What is known beside the state of charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Details {
    /// State and permissions.
    pub verdict: Verdict,
    /// Totals since the installation.
    pub meter: Meter,
    /// Equivalent full cycles.
    pub cycles: f64,
    /// Time until empty and until full at the present current, in s.
    pub time_to_empty: Option<f64>,
    /// See `time_to_empty`.
    pub time_to_full: Option<f64>,
    /// Time in h and charge moved in Ah since a full or empty battery fixed the state of charge; `None` if none has.
    pub since_sync: Option<(f64, f64)>,
    /// Learned capacity, as a share of the label.
    pub health: f64,
}
