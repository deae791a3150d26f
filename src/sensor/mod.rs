//! Measuring chips behind one trait.

mod wiring;

pub use wiring::{CurrentSign, SensorKind, Shunt, Wiring};
