//! Which chip is meant: how every message about it begins.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A chip at its address on its bus. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Part number.
    pub chip: &'static str,
    /// 7-bit I2C address; 0, which no chip has, for what the kernel reads.
    pub address: u8,
    /// The bus, for example `/dev/i2c-1`, or the name of the kernel's device.
    pub bus: Arc<Path>,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address == 0 {
            return write!(f, "{} {}", self.chip, self.bus.display());
        }
        write!(f, "{} at {:#04x} on {}", self.chip, self.address, self.bus.display())
    }
}
