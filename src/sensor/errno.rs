//! What the kernel's errno values mean at an I2C bus, and what a technician can do about them.

use ems_simulator::BusFault;
use linux_embedded_hal::I2CError;
use linux_embedded_hal::i2cdev::linux::LinuxI2CError;

pub(super) const EPERM: i32 = 1;
pub(super) const ENOENT: i32 = 2;
pub(super) const EIO: i32 = 5;
pub(super) const ENXIO: i32 = 6;
pub(super) const EACCES: i32 = 13;
pub(super) const EBUSY: i32 = 16;
pub(super) const ENODEV: i32 = 19;
pub(super) const ENOTTY: i32 = 25;
pub(super) const EOPNOTSUPP: i32 = 95;
pub(super) const ETIMEDOUT: i32 = 110;
pub(super) const EREMOTEIO: i32 = 121;

/// An error that carries the kernel's errno.
///
/// The kinds of `embedded-hal` do not do: `linux-embedded-hal` 0.5 calls both "no answer" (121) and "bus
/// stuck" (110) `Other`, and these two are what goes wrong on a Pi.
pub trait Errno {
    /// The errno, if the failure came from a system call.
    fn errno(&self) -> Option<i32>;
}

impl Errno for I2CError {
    fn errno(&self) -> Option<i32> {
        self.inner().errno()
    }
}

impl Errno for LinuxI2CError {
    fn errno(&self) -> Option<i32> {
        match self {
            Self::Errno(errno) => Some(*errno),
            Self::Io(error) => error.raw_os_error(),
        }
    }
}

impl Errno for BusFault {
    fn errno(&self) -> Option<i32> {
        Some(self.errno)
    }
}

/// A cause, as the rest of a sentence that begins with the device, and its remedy.
pub(super) struct Explanation {
    pub(super) cause: &'static str,
    pub(super) remedy: &'static str,
}

/// Why a transfer with a chip failed (`Documentation/i2c/fault-codes.rst`).
pub(super) fn explain_transfer(errno: Option<i32>) -> Explanation {
    let (cause, remedy) = match errno {
        Some(EREMOTEIO | ENXIO) => ("does not answer", "check power, SDA/SCL and the address"),
        Some(ETIMEDOUT) => ("cannot be reached, SDA or SCL is held low", "power-cycle the sensor"),
        Some(EIO) => (
            "broke off a transfer (clock stretching or length)",
            "lower i2c_arm_baudrate or set dtoverlay=i2c-gpio in config.txt",
        ),
        Some(EOPNOTSUPP) => (
            "was asked for two reads in one transfer, which this bus controller refuses",
            "set dtoverlay=i2c-gpio in config.txt and report this",
        ),
        Some(EBUSY) => ("is owned by a kernel driver", "remove its dtoverlay from config.txt and reboot"),
        Some(ENOENT) => ("is gone", "plug it in again or load its driver"),
        Some(ENODEV) => ("lost its bus", "plug the I2C adapter in again or load its module"),
        _ => ("failed in a transfer", "check power and wiring"),
    };
    Explanation { cause, remedy }
}

/// Why a bus could not be opened.
pub(super) fn explain_open(errno: Option<i32>) -> Explanation {
    let (cause, remedy) = match errno {
        Some(ENOENT) => {
            ("does not exist", "set dtparam=i2c_arm=on in config.txt, load the module i2c-dev, check I2C_BUS")
        }
        Some(EPERM) => (
            "is forbidden by the service's sandbox",
            "give the unit DeviceAllow=char-i2c rw (systemctl cat ems-edge shows it)",
        ),
        Some(EACCES) => ("may not be opened", "add the user that runs this to the group i2c"),
        Some(EBUSY) => ("is in use", "stop the program or kernel driver that holds it"),
        Some(ENODEV | ENXIO) => ("has no adapter behind it", "load the adapter's module or plug it in"),
        Some(ENOTTY) => ("is not an I2C bus", "set I2C_BUS to the bus, for example /dev/i2c-1"),
        _ => ("cannot be opened", "check I2C_BUS"),
    };
    Explanation { cause, remedy }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{Error, ErrorKind};

    use super::*;

    #[test]
    fn the_errno_survives_where_linux_embedded_hal_says_other() {
        for errno in [EREMOTEIO, ETIMEDOUT, EOPNOTSUPP] {
            let error = I2CError::from(LinuxI2CError::Errno(errno));
            assert_eq!(error.kind(), ErrorKind::Other);
            assert_eq!(error.errno(), Some(errno));
        }
        let io = std::io::Error::from_raw_os_error(EACCES);
        assert_eq!(I2CError::from(LinuxI2CError::Io(io)).errno(), Some(EACCES));
        assert_eq!(BusFault { errno: EIO }.errno(), Some(EIO));
    }
}
