//! The pack and what is known of its state: pure, without I/O or a clock. `docs/soc.md` has the method.

mod axis;
mod bands;
mod bank;
mod charge;
mod counted;
mod details;
mod forecast;
mod gap;
mod hypothesis;
mod meter;
mod monitor;
mod ocv;
mod ocv_points;
mod pack;
mod per_curve;
mod polarisation;
pub mod protection;
mod response;
mod saved;
pub mod sensing;
mod setup;
mod soc;
mod sync;
#[cfg(test)]
mod tests;
mod voltage_only;

pub use charge::ChargeCount;
pub use details::{Details, Measured};
pub use meter::Meter;
pub use monitor::Battery;
pub use ocv::curves;
pub use pack::{Chemistry, Pack};
pub use response::{Response, StepResponse};
pub use saved::SavedError;
pub use sensing::SensorErrors;
pub use setup::{Estimate, Setup};
pub use soc::StateOfCharge;
