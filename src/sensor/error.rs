//! Why there is no reading, in a sentence for the technician.

mod sentence;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::convert::OutOfRange;
use super::device::Device;
use super::errno::{EACCES, EBUSY, ENODEV, ENOENT, ENOTTY, ENXIO, EPERM, EREMOTEIO, ETIMEDOUT};

/// Why a reading could not be had. `Display` names the device, the register and the errno, the cause and
/// the remedy.
#[derive(Debug, Clone, PartialEq)]
pub enum SensorError {
    /// The bus could not be opened.
    Open {
        /// The bus.
        bus: Arc<Path>,
        /// What the kernel answered.
        errno: Option<i32>,
    },
    /// A transfer failed.
    Transfer {
        /// The chip.
        device: Device,
        /// What was done to which register.
        action: &'static str,
        /// What the kernel answered.
        errno: Option<i32>,
    },
    /// The kernel has no such device, or more than one.
    NoDriver {
        /// The device.
        device: Device,
        /// What was found instead, colon, remedy.
        found: String,
    },
    /// A device of the kernel's gives its voltage still, but no more the current that it gave before.
    CurrentLost {
        /// The device.
        device: Device,
        /// The file that held the current.
        file: PathBuf,
    },
    /// Something answers, but not as the configured chip does.
    WrongChip {
        /// The chip that was expected.
        device: Device,
        /// What was found instead.
        found: String,
    },
    /// The chip did not have the configuration that it was given, so nothing it measured is believed. It has
    /// been configured again.
    ConfigurationLost {
        /// The chip.
        device: Device,
        /// Its configuration register.
        found: u16,
        /// Whether that is the power-on value: the chip lost its supply.
        power_on: bool,
        /// How often this has happened since the chip was opened, this time included.
        count: u32,
    },
    /// No conversion ended in twice the time that one takes.
    NoConversion {
        /// The chip.
        device: Device,
    },
    /// Nobody has set the chip up since it was switched on, and by itself it measures nothing.
    Asleep {
        /// The chip.
        device: Device,
        /// Its settings, by register.
        found: String,
    },
    /// An input is at the end of the chip's range or beyond: the true value may be anything further out.
    OutOfRange {
        /// The chip.
        device: Device,
        /// Which input, and how far.
        reach: OutOfRange,
    },
    /// The read took longer than its deadline; it may still be going on.
    Deadline {
        /// The chip.
        device: Device,
        /// The deadline.
        waited: Duration,
    },
    /// An earlier read has not come back yet, so none was started.
    Busy {
        /// The chip.
        device: Device,
        /// For how long.
        since: Duration,
    },
    /// The thread that reads the chip is gone.
    ThreadEnded {
        /// The chip.
        device: Device,
    },
}

/// [`SensorError::kind`] of a shunt voltage beyond the chip's range.
pub const SHUNT_OUT_OF_RANGE: &str = "shunt out of range";
/// [`SensorError::kind`] of a bus voltage beyond the chip's range.
pub const BUS_OUT_OF_RANGE: &str = "bus out of range";

/// Whether a retry helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryHint {
    /// Read again: nothing else needs to be done.
    Read,
    /// Open the chip again, then read.
    Reopen,
    /// Nothing changes until somebody does what the message says. Opening again shows when that is done.
    Technician,
}

impl SensorError {
    /// The flag with which the sample without this reading says why.
    pub fn flag(&self) -> &'static str {
        match self {
            Self::Open { .. }
            | Self::NoDriver { .. }
            | Self::CurrentLost { .. }
            | Self::Transfer {
                errno: Some(ENOENT | EREMOTEIO | ENXIO | ETIMEDOUT | EBUSY | ENODEV), ..
            }
            | Self::Deadline { .. }
            | Self::Busy { .. }
            | Self::ThreadEnded { .. } => "SENSOR_LOST",
            Self::ConfigurationLost { .. } => "SENSOR_RESET",
            Self::Transfer { .. }
            | Self::WrongChip { .. }
            | Self::NoConversion { .. }
            | Self::Asleep { .. }
            | Self::OutOfRange { .. } => "COMM_LOSS",
        }
    }

    /// The sort of failure: another sort is news, other numbers in the same sentence are not.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::NoDriver { .. } => "no driver",
            Self::CurrentLost { .. } => "current lost",
            Self::Transfer { errno: Some(EREMOTEIO | ENXIO), .. } => "no answer",
            Self::Transfer { errno: Some(ETIMEDOUT), .. } => "bus stuck",
            Self::Transfer { .. } => "transfer",
            Self::WrongChip { .. } => "wrong chip",
            Self::ConfigurationLost { .. } => "reset",
            Self::NoConversion { .. } => "no conversion",
            Self::Asleep { .. } => "asleep",
            Self::OutOfRange { reach: OutOfRange { input: "shunt voltage", .. }, .. } => SHUNT_OUT_OF_RANGE,
            Self::OutOfRange { .. } => BUS_OUT_OF_RANGE,
            Self::Deadline { .. } | Self::Busy { .. } => "bus hangs",
            Self::ThreadEnded { .. } => "thread ended",
        }
    }

    /// Whether a retry helps.
    pub fn retry_hint(&self) -> RetryHint {
        match self {
            Self::Open { errno: Some(EPERM | ENOENT | EACCES | EBUSY | ENODEV | ENXIO | ENOTTY), .. }
            | Self::Transfer { errno: Some(EBUSY), .. }
            | Self::NoDriver { .. }
            | Self::WrongChip { .. }
            | Self::Asleep { .. }
            | Self::ThreadEnded { .. } => RetryHint::Technician,
            Self::Open { .. }
            | Self::Transfer { .. }
            | Self::CurrentLost { .. }
            | Self::NoConversion { .. } => RetryHint::Reopen,
            Self::ConfigurationLost { .. }
            | Self::OutOfRange { .. }
            | Self::Deadline { .. }
            | Self::Busy { .. } => RetryHint::Read,
        }
    }

    /// What the kernel answered, if this came from a system call.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Open { errno, .. } | Self::Transfer { errno, .. } => *errno,
            _ => None,
        }
    }
}

impl std::error::Error for SensorError {}
