//! Why there is no reading, in a sentence for the technician.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::convert::OutOfRange;
use super::device::Device;
use super::errno::{
    EACCES, EBUSY, ENODEV, ENOENT, ENOTTY, ENXIO, EPERM, EREMOTEIO, ETIMEDOUT, explain_open, explain_transfer,
};

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

impl fmt::Display for SensorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { bus, errno } => {
                let why = explain_open(*errno);
                write!(f, "{} {} ({}): {}", bus.display(), why.cause, Number(*errno), why.remedy)
            }
            Self::Transfer { device, action, errno } => {
                let why = explain_transfer(*errno);
                write!(f, "{device} {} ({}, {action}): {}", why.cause, Number(*errno), why.remedy)
            }
            Self::NoDriver { device, found } => write!(f, "{device} {found}"),
            Self::CurrentLost { device, file } => write!(
                f,
                "{device} gives no current any more, {} is gone: load its driver again (dmesg says what became of \
                 it); to go on with the voltage alone, restart ems-edge",
                file.display()
            ),
            Self::WrongChip { device, found } => write!(
                f,
                "{device} expected, but {found}: check SENSOR and I2C_ADDRESS against the board's chip"
            ),
            Self::ConfigurationLost { device, found, power_on: true, count } => write!(
                f,
                "{device} restarted with its power-on configuration {found:#06x} (time {count}): configured \
                 again; check the sensor's 3.3 V supply and its plug"
            ),
            Self::ConfigurationLost { device, found, power_on: false, count } => write!(
                f,
                "{device} had its configuration changed to {found:#06x} (time {count}): configured again; \
                 stop the other program that uses this chip"
            ),
            Self::NoConversion { device } => write!(
                f,
                "{device} answers but does not finish a measurement: stop any other program that reads it, else \
                 power-cycle the sensor"
            ),
            Self::Asleep { device, found } => write!(
                f,
                "{device} does not measure by itself ({found}) and nobody has set it up since it was switched on: \
                 start ems-edge, which does"
            ),
            Self::OutOfRange { device, reach: OutOfRange { input, volts, limit } } => write!(
                f,
                "{device} reads a {input} of {volts:.5} V at the end of its range ({limit:.5} V) or beyond: \
                 check the wiring, SHUNT and DIVIDER"
            ),
            Self::Deadline { device, waited } => write!(
                f,
                "{device} gave no answer within {:.1} s: the bus hangs; power-cycle the sensor",
                waited.as_secs_f64()
            ),
            Self::Busy { device, since } => write!(
                f,
                "{device} is still busy with a read since {:.1} s: the bus hangs; power-cycle the sensor",
                since.as_secs_f64()
            ),
            Self::ThreadEnded { device } => {
                write!(f, "{device} is no longer read, its thread has ended: restart ems-edge")
            }
        }
    }
}

struct Number(Option<i32>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(errno) => write!(f, "errno {errno}"),
            None => f.write_str("no errno"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(errno: i32) -> SensorError {
        let device = Device { chip: "INA226", address: 0x40, bus: Path::new("/dev/i2c-1").into() };
        SensorError::Transfer { device, action: "reading BUS_VOLTAGE", errno: Some(errno) }
    }

    #[test]
    fn each_errno_of_the_bus_has_its_cause_its_remedy_and_its_flag() {
        let expected = [
            (
                121,
                "does not answer (errno 121, reading BUS_VOLTAGE): check power, SDA/SCL and",
                "SENSOR_LOST",
            ),
            (6, "does not answer (errno 6, reading BUS_VOLTAGE): check power", "SENSOR_LOST"),
            (110, "SDA or SCL is held low (errno 110, reading BUS_VOLTAGE): power-cycle", "SENSOR_LOST"),
            (5, "(errno 5, reading BUS_VOLTAGE): lower i2c_arm_baudrate", "COMM_LOSS"),
            (95, "two reads in one transfer", "COMM_LOSS"),
            (16, "is owned by a kernel driver (errno 16", "SENSOR_LOST"),
            (71, "failed in a transfer (errno 71", "COMM_LOSS"),
        ];
        for (errno, words, flag) in expected {
            let error = transfer(errno);
            let text = error.to_string();
            assert!(text.starts_with("INA226 at 0x40 on /dev/i2c-1 ") && text.contains(words), "{text}");
            assert_eq!((error.flag(), error.errno()), (flag, Some(errno)));
        }
    }

    #[test]
    fn a_bus_that_cannot_be_opened_names_the_remedy() {
        for (errno, words) in
            [(2, "dtparam=i2c_arm=on"), (13, "group i2c"), (16, "in use"), (25, "not an I2C")]
        {
            let error = SensorError::Open { bus: Path::new("/dev/i2c-1").into(), errno: Some(errno) };
            let text = error.to_string();
            assert!(text.starts_with("/dev/i2c-1 ") && text.contains(words), "{text}");
            assert_eq!((error.flag(), error.retry_hint()), ("SENSOR_LOST", RetryHint::Technician));
        }
    }
}
