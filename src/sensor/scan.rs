//! Who is on a bus, by reading alone.
//!
//! A byte is read from each address, which moves nothing. Only where a chip of ours can be are its ids asked for, by
//! their register numbers: at 0x40 there may be a driver of servos (PCA9685), to which a write of two bytes would be
//! a command.

use std::path::Path;
use std::sync::Arc;

use embedded_hal::i2c::I2c;
use linux_embedded_hal::I2cdev;
use serde::Serialize;

use super::errno::{EBUSY, ETIMEDOUT};
use super::look::{DIE_ID, MANUFACTURER_ID, word};
use super::{Device, Errno, SensorError, ina226, linux};

/// Somebody at an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// 7-bit address.
    pub address: u8,
    /// Who that is, as far as it can be told by reading.
    pub who: String,
    /// The value of `SENSOR` for it, if this program can read it for certain.
    pub sensor: Option<&'static str>,
}

/// UM10204 table 3 reserves the others.
const ADDRESSES: std::ops::RangeInclusive<u8> = 0x08..=0x77;
const TEXAS_INSTRUMENTS: u16 = 0x5449;
/// Of the INA228 and INA238 (SLYS021A and SBOSA20C, section 7.6): manufacturer and device id.
const INA2XX_MANUFACTURER: u8 = 0x3E;
const INA2XX_DEVICE: u8 = 0x3F;

/// Everybody who answers on `bus`; `leave_out` is not touched.
///
/// # Errors
/// If the bus cannot be opened, or is stuck: then each further address would take a second.
pub fn scan(bus: &Path, leave_out: Option<u8>) -> Result<Vec<Answer>, SensorError> {
    let path: Arc<Path> = bus.into();
    let mut opened = linux::open_bus(&at(&path, 0))?;
    let mut answers = Vec::new();
    for address in ADDRESSES.filter(|address| Some(*address) != leave_out) {
        let device = at(&path, address);
        match opened.read(address, &mut [0]).map_err(|error| error.errno()) {
            Ok(()) => answers.push(identify(&mut opened, &device)),
            Err(Some(EBUSY)) => {
                let who = "in use by a kernel driver (see /sys/bus/i2c/devices)".to_owned();
                answers.push(Answer { address, who, sensor: None });
            }
            Err(errno @ Some(ETIMEDOUT)) => {
                return Err(SensorError::Transfer { device, action: "reading a byte", errno });
            }
            Err(_) => {}
        }
    }
    Ok(answers)
}

fn at(bus: &Arc<Path>, address: u8) -> Device {
    Device { chip: "the chip", address, bus: Arc::clone(bus) }
}

fn identify(bus: &mut I2cdev, device: &Device) -> Answer {
    let (who, sensor) = match device.address {
        0x40..=0x4F => monitor(bus, device),
        0x36 => ("perhaps a MAX17040/43/48 gauge of one lithium cell".to_owned(), None),
        0x55 => ("perhaps a bq34z100 gauge".to_owned(), None),
        0x68 | 0x6F => ("perhaps a clock (DS1307, DS3231, PCF8523)".to_owned(), None),
        _ => ("not a chip that this program reads".to_owned(), None),
    };
    Answer { address: device.address, who, sensor }
}

fn monitor(bus: &mut I2cdev, device: &Device) -> (String, Option<&'static str>) {
    let mut id = |register| word(bus, device, register, "reading an id").unwrap_or(0);
    let (manufacturer, die) = (id(MANUFACTURER_ID), id(DIE_ID));
    if ina226::is_ina226(manufacturer, die) {
        return ("INA226".to_owned(), Some("ina226"));
    }
    if manufacturer == TEXAS_INSTRUMENTS {
        return (format!("a chip of Texas Instruments with the die id {die:#06x}, not an INA226"), None);
    }
    let (manufacturer, kind) = (id(INA2XX_MANUFACTURER), id(INA2XX_DEVICE));
    match (manufacturer, kind >> 4) {
        (TEXAS_INSTRUMENTS, kind @ (0x228 | 0x229 | 0x237 | 0x238 | 0x239)) => {
            (format!("INA{kind:x}, which this version does not read"), None)
        }
        _ if (0x48..=0x4B).contains(&device.address) => {
            ("without ids: an INA219, an ADS1115, or another; read the chip's print".to_owned(), None)
        }
        _ => (
            "without ids: an INA219 if the board has one (SENSOR=ina219), else a PCA9685 or another"
                .to_owned(),
            None,
        ),
    }
}
