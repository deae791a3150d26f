//! Which driver reads which chip.

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;

use super::datasheet::Datasheet;
use super::ina219::Ina219Monitor;
use super::ina226::Ina226Monitor;
use super::registers::RegisterMonitor;
use super::{
    BatteryMonitor, Device, Errno, SensorError, SensorKind, Wiring, ads1115, ina219, ina226, ina228, ina238,
    max17048,
};

/// Opens the chip of `wiring` on `i2c`.
pub(super) fn open<I2C, D>(
    i2c: I2C,
    delay: D,
    device: Device,
    wiring: Wiring,
) -> Result<Box<dyn BatteryMonitor>, SensorError>
where
    I2C: I2c<Error: Errno> + Send + 'static,
    D: DelayNs + Send + 'static,
{
    Ok(match wiring.kind {
        SensorKind::Ina219 => Box::new(Ina219Monitor::open(i2c, delay, device, wiring)?),
        SensorKind::Ina226 | SensorKind::Simulated => {
            Box::new(Ina226Monitor::open(i2c, delay, device, wiring)?)
        }
        kind => {
            let sheet = datasheet(kind, wiring.shunt.rated_volts());
            Box::new(RegisterMonitor::open(i2c, delay, device, wiring, sheet)?)
        }
    })
}

/// What is known of a chip. The kernel's devices have no registers here, and an INA226's.
pub(super) fn datasheet(kind: SensorKind, rated_shunt_volts: Option<f64>) -> Datasheet {
    match kind {
        SensorKind::Ina219 => ina219::datasheet(),
        SensorKind::Ina226 | SensorKind::Simulated | SensorKind::Hwmon | SensorKind::PowerSupply => {
            ina226::datasheet()
        }
        SensorKind::Ina228 => ina228::datasheet(rated_shunt_volts),
        SensorKind::Ina238 => ina238::datasheet(rated_shunt_volts),
        SensorKind::Max17048 => max17048::datasheet(),
        SensorKind::Ads1115 => ads1115::datasheet(),
    }
}
