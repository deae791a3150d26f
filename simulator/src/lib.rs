//! A simulated battery pack behind register-level I2C chips, with faults on demand.
//!
//! The chips see the same bytes that they would see on a wire, so the daemon's own drivers run on them
//! unchanged: through [`SimulatedBus`] inside the process (`SENSOR=simulated`), or through real
//! `/dev/i2c-N` ioctls with the test tool `i2c-bus`.

mod bus;

pub use bus::{BusFault, Chip, Message, SimulatedBus, errno};
