//! The pack and what is known of its state: pure, without I/O or a clock.

mod ocv;
mod ocv_points;
mod pack;
mod response;
mod soc;
mod state;

pub use pack::{Chemistry, Pack};
pub use response::{Response, StepResponse};
pub use soc::{Estimate, StateOfCharge};
pub use state::state;
