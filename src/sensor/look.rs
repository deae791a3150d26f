//! A look at a chip by reading alone: for people who want to know, beside or instead of the daemon.
//!
//! Nothing is configured or reset, so it harms no chip, known or unknown. What the chip has measured last is as good
//! as its own configuration: the steps of both registers do not depend on it.

use embedded_hal::delay::DelayNs as _;
use embedded_hal::i2c::I2c;
use ems_simulator::Clock;
use ems_simulator::simulated::simulated_pack;
use linux_embedded_hal::Delay;
use serde::{Deserialize, Serialize};

use super::convert::convert;
use super::{Device, Errno, Reading, SensorError, SensorKind, Wiring, ina219, ina226, linux};

/// The registers of a chip, as they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers {
    /// CONFIGURATION, register 00.
    pub configuration: u16,
    /// `SHUNT_VOLTAGE`, register 01.
    pub shunt: i16,
    /// `BUS_VOLTAGE`, register 02.
    pub bus: u16,
    /// CALIBRATION, register 05.
    pub calibration: u16,
    /// `MANUFACTURER_ID`, register FE hex; an INA219 has none.
    pub manufacturer: Option<u16>,
    /// `DIE_ID`, register FF hex; an INA219 has none.
    pub die: Option<u16>,
}

/// Registers that both chips have at the same place.
const CONFIGURATION: u8 = 0x00;
const SHUNT_VOLTAGE: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;
const CALIBRATION: u8 = 0x05;
pub(super) const MANUFACTURER_ID: u8 = 0xFE;
pub(super) const DIE_ID: u8 = 0xFF;
/// The bits of CONFIGURATION that say what is measured, continuously if all are set (SBOS448G 8.6.2.1, SBOS547B 7.1).
const MODE: u16 = 0b111;
/// Longer than a conversion of a chip that has just been switched on.
const FIRST_CONVERSION_MS: u32 = 100;

/// Looks `times` times at the chip of `wiring`, `pause_ms` apart, through a bus of its own.
///
/// # Errors
/// Why the chip could not be read, or is not the one that `wiring` names.
pub fn look(wiring: &Wiring, times: u32, pause_ms: u32) -> Result<Vec<Registers>, SensorError> {
    let device = wiring.device();
    match wiring.kind {
        SensorKind::Simulated => {
            let bus = simulated_pack(Clock::monotonic());
            Delay.delay_ms(FIRST_CONVERSION_MS);
            look_at(bus, &device, SensorKind::Ina226, times, pause_ms)
        }
        kind => look_at(linux::open_bus(&device)?, &device, kind, times, pause_ms),
    }
}

fn look_at<I2C>(
    mut bus: I2C,
    device: &Device,
    kind: SensorKind,
    times: u32,
    pause_ms: u32,
) -> Result<Vec<Registers>, SensorError>
where
    I2C: I2c<Error: Errno>,
{
    let ids = identify(&mut bus, device, kind)?;
    let mut looks = Vec::new();
    for time in 0..times {
        if time > 0 {
            Delay.delay_ms(pause_ms);
        }
        let mut read = |register, action| word(&mut bus, device, register, action);
        let configuration = read(CONFIGURATION, "reading CONFIGURATION")?;
        if configuration & MODE != MODE {
            return Err(SensorError::WrongChip {
                device: device.clone(),
                found: format!("it does not measure by itself (CONFIGURATION is {configuration:#06x})"),
            });
        }
        looks.push(Registers {
            configuration,
            shunt: read(SHUNT_VOLTAGE, "reading SHUNT_VOLTAGE")?.cast_signed(),
            bus: read(BUS_VOLTAGE, "reading BUS_VOLTAGE")?,
            calibration: read(CALIBRATION, "reading CALIBRATION")?,
            manufacturer: ids.map(|(manufacturer, _)| manufacturer),
            die: ids.map(|(_, die)| die),
        });
    }
    Ok(looks)
}

/// The ids of a chip that has them; a chip that is another than `kind` is an error.
fn identify<I2C>(bus: &mut I2C, device: &Device, kind: SensorKind) -> Result<Option<(u16, u16)>, SensorError>
where
    I2C: I2c<Error: Errno>,
{
    let manufacturer = word(bus, device, MANUFACTURER_ID, "reading MANUFACTURER_ID");
    if kind == SensorKind::Ina219 {
        // It answers there with whatever it likes, or not at all.
        let die = word(bus, device, DIE_ID, "reading DIE_ID");
        if let (Ok(manufacturer), Ok(die)) = (manufacturer, die)
            && ina226::is_ina226(manufacturer, die)
        {
            let found = "an INA226 answers; set SENSOR=ina226".to_owned();
            return Err(SensorError::WrongChip { device: device.clone(), found });
        }
        return Ok(None);
    }
    let ids = (manufacturer?, word(bus, device, DIE_ID, "reading DIE_ID")?);
    ina226::identified(device, ids.0, ids.1)?;
    Ok(Some(ids))
}

/// One 16-bit register, the high byte first.
pub(super) fn word<I2C>(
    bus: &mut I2C,
    device: &Device,
    register: u8,
    action: &'static str,
) -> Result<u16, SensorError>
where
    I2C: I2c<Error: Errno>,
{
    let mut bytes = [0; 2];
    bus.write_read(device.address, &[register], &mut bytes)
        .map(|()| u16::from_be_bytes(bytes))
        .map_err(|error| SensorError::Transfer { device: device.clone(), action, errno: error.errno() })
}

impl Registers {
    /// What they say of the pack.
    ///
    /// # Errors
    /// [`SensorError::OutOfRange`].
    pub fn reading(&self, wiring: &Wiring) -> Result<Reading, SensorError> {
        let (scale, with_current, bus) = match wiring.kind {
            SensorKind::Ina219 => {
                let scale = ina219::scale(ina219::configuration(None));
                // Bits 2 to 0 are no part of the voltage (SBOS448G 8.6.3.2).
                (scale, wiring.is_undivided(), self.bus >> 3)
            }
            SensorKind::Ina226 | SensorKind::Simulated => (ina226::SCALE, true, self.bus),
        };
        convert(&scale, wiring, with_current, bus, self.shunt)
            .map_err(|reach| SensorError::OutOfRange { device: wiring.device(), reach })
    }

    /// Each with its name and its number.
    pub fn list(&self) -> Vec<(&'static str, u8, u16)> {
        let mut list = vec![
            ("CONFIGURATION", CONFIGURATION, self.configuration),
            ("SHUNT_VOLTAGE", SHUNT_VOLTAGE, self.shunt.cast_unsigned()),
            ("BUS_VOLTAGE", BUS_VOLTAGE, self.bus),
            ("CALIBRATION", CALIBRATION, self.calibration),
        ];
        list.extend(self.manufacturer.map(|value| ("MANUFACTURER_ID", MANUFACTURER_ID, value)));
        list.extend(self.die.map(|value| ("DIE_ID", DIE_ID, value)));
        list
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ems_simulator::{Ina219, Ina226};

    use super::*;
    use crate::sensor::testing::{ADDRESS, Bench, assert_close, device, wiring};

    fn registers(bench: &Bench, kind: SensorKind) -> Result<Registers, SensorError> {
        look_at(bench.bus.clone(), &device("chip"), kind, 1, 0).map(|looks| looks[0])
    }

    #[test]
    fn a_look_gives_the_values_of_a_chip_that_nobody_has_configured() {
        for (kind, divider) in [(SensorKind::Ina219, 1.0), (SensorKind::Ina226, 2.0)] {
            let bench = Bench::default();
            let clock = bench.hand.clock();
            match kind {
                SensorKind::Ina219 => {
                    bench.bus.attach(ADDRESS, Box::new(Ina219::with_clock(bench.pins.clone(), clock)));
                }
                _ => bench.bus.attach(ADDRESS, Box::new(Ina226::with_clock(bench.pins.clone(), clock))),
            }
            bench.pins.set(13.3, -7.5e-3);
            bench.hand.advance(Duration::from_millis(200));
            let wiring = Wiring { divider, ..wiring(kind) };
            let reading = registers(&bench, kind).unwrap().reading(&wiring).unwrap();
            assert_close(reading.voltage, 13.3 * divider, 0.01);
            assert_close(reading.current.unwrap(), -3.75, 0.01);
        }
    }

    #[test]
    fn an_ina226_in_the_place_of_an_ina219_is_named() {
        let bench = Bench::default();
        let chip = Ina226::with_clock(bench.pins.clone(), bench.hand.clock());
        bench.bus.attach(ADDRESS, Box::new(chip));
        let error = registers(&bench, SensorKind::Ina219).unwrap_err().to_string();
        assert!(error.contains("SENSOR=ina226"), "{error}");
    }

    #[test]
    fn nothing_there_is_no_answer() {
        let error = registers(&Bench::default(), SensorKind::Ina219).unwrap_err();
        assert_eq!((error.kind(), error.errno()), ("no answer", Some(121)));
    }
}
