//! The doctor: names what is wrong with a device, and the remedy.
//!
//! The [facts](Facts) are gathered first, all at once and within a bound of time; each check then judges them, and
//! touches nothing itself. A check is skipped when one that it needs has failed: what is said is the cause, not
//! its consequences. While the daemon runs, it answers for the sensor, the token and the device: a second connection
//! would take its place at the server, and a second reader would disturb its chip.

mod account;
mod checks;
mod command;
mod device;
mod facts;
mod report;
mod trial;
mod unit;

pub use checks::{CHECKS, Check};
pub use command::said_by;
pub use device::{Answer, LOOKS, PAUSE_MS, SensorLook, SensorTrouble};
pub use facts::{Facts, Surroundings};
pub use report::{Entry, Finding, Report, Status, Verdict};
pub use trial::{try_sensor, try_server};

/// Examines the device that `surroundings` name.
pub fn examine(surroundings: &Surroundings) -> Report {
    Report::of(&Facts::gather(surroundings))
}
