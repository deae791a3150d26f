//! Which chip is meant: how every message about it begins.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A chip at its address on its bus. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Part number.
    pub chip: &'static str,
    /// 7-bit I2C address.
    pub address: u8,
    /// The bus, for example `/dev/i2c-1`.
    pub bus: Arc<Path>,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#04x} on {}", self.chip, self.address, self.bus.display())
    }
}
