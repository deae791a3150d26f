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

use super::datasheet::Register;
use super::errno::{EBUSY, ETIMEDOUT};
use super::registers::{Wires, word};
use super::{Device, Errno, SensorError, ina226, ina228, linux, max17048};

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
            Ok(()) => {
                let mut wires = Wires { i2c: opened, device };
                answers.push(identify(&mut wires));
                opened = wires.i2c;
            }
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

fn identify(wires: &mut Wires<I2cdev>) -> Answer {
    let address = wires.device.address;
    let (who, sensor) = match address {
        0x40..=0x4F => monitor(wires),
        0x36 => gauge(wires),
        0x55 => ("perhaps a bq34z100 gauge".to_owned(), None),
        0x68 | 0x6F => ("perhaps a clock (DS1307, DS3231, PCF8523)".to_owned(), None),
        _ => ("not a chip that this program reads".to_owned(), None),
    };
    Answer { address, who, sensor }
}

fn monitor(wires: &mut Wires<I2cdev>) -> (String, Option<&'static str>) {
    let mut id = |register: Register| wires.read(register).map_or(0, word);
    let (manufacturer, die) = (id(ina226::MANUFACTURER_ID), id(ina226::DIE_ID));
    if ina226::is_ina226(manufacturer, die) {
        return ("INA226".to_owned(), Some("ina226"));
    }
    if manufacturer == TEXAS_INSTRUMENTS {
        return (format!("a chip of Texas Instruments with the die id {die:#06x}, not an INA226"), None);
    }
    let (manufacturer, kind) = (id(ina228::MANUFACTURER_ID), id(ina228::DEVICE_ID));
    match (manufacturer, kind >> 4) {
        (TEXAS_INSTRUMENTS, 0x228) => ("INA228".to_owned(), Some("ina228")),
        (TEXAS_INSTRUMENTS, kind @ (0x237 | 0x238)) => (format!("INA{kind:x}"), Some("ina238")),
        (TEXAS_INSTRUMENTS, kind @ (0x229 | 0x239)) => {
            (format!("INA{kind:x}, which this version does not read"), None)
        }
        _ if (0x48..=0x4B).contains(&wires.device.address) => (
            "without ids: an ADS1115 (SENSOR=ads1115), an INA219 (SENSOR=ina219), or another; read the chip's print"
                .to_owned(),
            None,
        ),
        _ => (
            "without ids: an INA219 if the board has one (SENSOR=ina219), else a PCA9685 or another"
                .to_owned(),
            None,
        ),
    }
}

fn gauge(wires: &mut Wires<I2cdev>) -> (String, Option<&'static str>) {
    match wires.read(max17048::VERSION).map(word) {
        Ok(version) if max17048::identify(&[version]).is_ok() => {
            ("a MAX17040, 43 or 48, gauge of one lithium cell".to_owned(), Some("max17048"))
        }
        _ => ("not a gauge that this program reads".to_owned(), None),
    }
}
