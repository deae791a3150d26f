//! A simulated battery pack behind register-level I2C chips, with faults on demand.
//!
//! The chips see the same bytes that they would see on a wire, so the daemon's own drivers run on them
//! unchanged: through [`SimulatedBus`] inside the process (`SENSOR=simulated`), or through real
//! `/dev/i2c-N` ioctls with the test tool `i2c-bus`.

mod ads1115;
mod bus;
mod cell;
mod clock;
mod faults;
mod household;
mod ina219;
mod ina226;
mod ina228;
mod max17048;
mod noise;
mod pack;
mod registers;
pub mod simulated;
mod terminals;
mod trace;
mod usage;

pub use ads1115::Ads1115;
pub use bus::{BusFault, Chip, Message, SimulatedBus, errno};
pub use cell::{Cell, CellParameters, Curve};
pub use clock::{Clock, ManualClock};
pub use faults::Faults;
pub use household::Household;
pub use ina219::Ina219;
pub use ina226::Ina226;
pub use ina228::Ina228;
pub use max17048::Max17048;
pub use noise::Noise;
pub use pack::{Pack, PackParameters};
pub use terminals::{Levels, Terminals};
pub use trace::{Distortion, Installation, Row, Trace};
pub use usage::{Consumers, USAGES, Usage};
