//! The chips behind `/dev/i2c-N`, and those that the kernel reads.

use std::path::Path;

use linux_embedded_hal::{Delay, I2cdev};

use super::kernel::{GivesCurrent, KernelMonitor};
use super::{BatteryMonitor, Device, Errno, SensorError, Wiring, chips};

/// Where the kernel shows its devices.
pub(super) const SYSFS: &str = "/sys";

/// Opens the chip of `wiring`, and the bus for it. `gives_current` is kept over openings of the same device.
pub(super) fn open(
    device: Device,
    wiring: Wiring,
    gives_current: GivesCurrent,
) -> Result<Box<dyn BatteryMonitor>, SensorError> {
    if wiring.kind.is_read_by_kernel() {
        return Ok(Box::new(KernelMonitor::open(Path::new(SYSFS), device, wiring, gives_current)?));
    }
    chips::open(open_bus(&device)?, Delay, device, wiring)
}

pub(super) fn open_bus(device: &Device) -> Result<I2cdev, SensorError> {
    let bus: &Path = &device.bus;
    I2cdev::new(bus).map_err(|error| SensorError::Open { bus: device.bus.clone(), errno: error.errno() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(bus: &str) -> SensorError {
        let device = Device { chip: "INA226", address: 0x40, bus: Path::new(bus).into() };
        open_bus(&device).err().unwrap()
    }

    #[test]
    fn a_bus_that_does_not_exist_is_told_from_a_file_that_is_no_bus() {
        assert!(open("/dev/i2c-does-not-exist").to_string().contains("dtparam=i2c_arm=on"));
        assert!(open("/dev/null").to_string().contains("/dev/null is not an I2C bus (errno 25)"));
    }
}
