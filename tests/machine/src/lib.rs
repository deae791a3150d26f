//! Machines for the tests of the package: Debian with real dpkg, systemd and journald in a container, an I2C bus
//! behind `/dev/i2c-1`, and a network of its own in which only the ports exist that a test opens.
//!
//! A machine is changed in memory only, and ends with the value that stands for it: no process, mount or control
//! group stays. Making one takes root; without it, or without what `scripts/test-machine` prepares, the test fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a harness that cannot do its part fails the test"
)]

mod frozen;
mod groups;
mod machine;
mod package;
mod port;
mod processes;

pub use frozen::Frozen;
pub use machine::Machine;
pub use package::Package;
