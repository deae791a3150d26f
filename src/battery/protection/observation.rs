//! What goes into the protection.

use crate::battery::Estimate;

/// What is looked at: one reading, and what is known of the battery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Mean voltage of a cell, in V.
    pub cell_volts: f64,
    /// In A, positive while charging; `None` where it is not measured.
    pub amps: Option<f64>,
    /// Of the battery in °C, where there is a probe.
    pub celsius: Option<f64>,
    /// State of charge.
    pub estimate: Estimate,
    /// Whether a full charge has just been completed and not been drawn from since.
    pub is_full: bool,
    /// Whether the voltage answers to the current as that of such a battery can.
    pub answers: bool,
}

/// What is beyond the range that the sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The pack's voltage.
    Voltage,
    /// The current, in either direction.
    Current,
}
