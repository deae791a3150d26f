//! A look at a chip by reading alone: for people who want to know, beside or instead of the daemon.
//!
//! Nothing is configured or reset, so it harms no chip, known or unknown. What the chip has measured last is as good
//! as its own configuration: what its steps are worth is read from there.

use std::borrow::Cow;
use std::path::Path;

use embedded_hal::delay::DelayNs as _;
use embedded_hal::i2c::I2c;
use ems_simulator::Clock;
use ems_simulator::simulated::simulated_pack;
use linux_embedded_hal::Delay;
use serde::{Deserialize, Serialize};

use super::chips::datasheet;
use super::convert::convert;
use super::datasheet::Datasheet;
use super::kernel::{GivesCurrent, KernelMonitor};
use super::registers::{Wires, word};
use super::{Device, Errno, Reading, SensorError, SensorKind, Wiring, ina226, kernel, linux};

/// The registers of a chip or the files of a driver, as they read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers(Vec<RegisterWord>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterWord {
    /// As the datasheet names it, or the file's name.
    pub name: Cow<'static, str>,
    /// The register's number; a file has none.
    pub number: Option<u8>,
    /// Right-aligned; of a file the number in it.
    pub value: i64,
}

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
            look_at(bus, device, wiring.kind, times, pause_ms)
        }
        SensorKind::Hwmon | SensorKind::PowerSupply => {
            let root = Path::new(linux::SYSFS);
            let monitor = KernelMonitor::open(root, device, wiring.clone(), GivesCurrent::default())?;
            repeated(times, pause_ms, || monitor.words().map(Registers::of_files))
        }
        kind => look_at(linux::open_bus(&device)?, device, kind, times, pause_ms),
    }
}

fn look_at<I2C>(
    i2c: I2C,
    device: Device,
    kind: SensorKind,
    times: u32,
    pause_ms: u32,
) -> Result<Vec<Registers>, SensorError>
where
    I2C: I2c<Error: Errno>,
{
    let sheet = datasheet(kind, None);
    let mut wires = Wires { i2c, device };
    if kind == SensorKind::Ina219 {
        is_no_ina226(&mut wires)?;
    }
    let ids = wires.identify(&sheet)?;
    repeated(times, pause_ms, || registers(&mut wires, &sheet, &ids))
}

fn repeated(
    times: u32,
    pause_ms: u32,
    mut look: impl FnMut() -> Result<Registers, SensorError>,
) -> Result<Vec<Registers>, SensorError> {
    let mut looks = Vec::new();
    for time in 0..times {
        if time > 0 {
            Delay.delay_ms(pause_ms);
        }
        looks.push(look()?);
    }
    Ok(looks)
}

/// An INA219 has no ids: it answers there with whatever it likes, or not at all.
fn is_no_ina226<I2C: I2c<Error: Errno>>(wires: &mut Wires<I2C>) -> Result<(), SensorError> {
    let ids = [wires.read(ina226::MANUFACTURER_ID), wires.read(ina226::DIE_ID)];
    match ids {
        [Ok(manufacturer), Ok(die)] if ina226::is_ina226(word(manufacturer), word(die)) => {
            let found = "an INA226 answers; set SENSOR=ina226".to_owned();
            Err(SensorError::WrongChip { device: wires.device.clone(), found })
        }
        _ => Ok(()),
    }
}

fn registers<I2C: I2c<Error: Errno>>(
    wires: &mut Wires<I2C>,
    sheet: &Datasheet,
    ids: &[u16],
) -> Result<Registers, SensorError> {
    let mut list = Vec::new();
    let mut settings = Vec::new();
    for setting in &sheet.settings {
        let value = wires.read(setting.register)?;
        settings.push(word(value));
        list.push(RegisterWord::of(setting.register.name, setting.register.number, value));
    }
    if (sheet.sleeps)(&settings) {
        let words: Vec<_> = sheet.settings.iter().zip(&settings).collect();
        let words: Vec<_> =
            words.iter().map(|(s, word)| format!("{} is {word:#06x}", s.register.name)).collect();
        let (device, found) = (wires.device.clone(), words.join(", "));
        let is_fresh =
            sheet.settings.iter().zip(&settings).all(|(setting, word)| setting.is_at_power_on(*word));
        return Err(if is_fresh {
            SensorError::Asleep { device, found }
        } else {
            SensorError::WrongChip {
                device,
                found: format!("what answers does not measure by itself ({found})"),
            }
        });
    }
    let measured = sheet.shunt.iter().map(|field| &field.register).chain([&sheet.bus.register]);
    for register in measured.chain(sheet.also) {
        list.push(RegisterWord::of(register.name, register.number, wires.read(*register)?));
    }
    let named = sheet.ids.iter().zip(ids);
    list.extend(named.map(|(id, value)| RegisterWord::of(id.name, id.number, (*value).into())));
    Ok(Registers(list))
}

impl RegisterWord {
    fn of(name: &'static str, number: u8, value: u64) -> Self {
        Self { name: name.into(), number: Some(number), value: value.cast_signed() }
    }
}

impl Registers {
    fn of_files(files: Vec<(&'static str, i64)>) -> Self {
        let word =
            |(name, value): (&'static str, i64)| RegisterWord { name: name.into(), number: None, value };
        Self(files.into_iter().map(word).collect())
    }

    /// What they say of the pack.
    ///
    /// # Errors
    /// [`SensorError::OutOfRange`].
    pub fn reading(&self, wiring: &Wiring) -> Result<Reading, SensorError> {
        let of = |name: &str| self.0.iter().find(|word| word.name == name).map(|word| word.value);
        if wiring.kind.is_read_by_kernel() {
            return Ok(kernel::reading(wiring, of));
        }
        let sheet = datasheet(wiring.kind, None);
        let bits = |name: &str| of(name).unwrap_or_default().cast_unsigned();
        let configuration = sheet.settings.first().map_or(0, |setting| word(bits(setting.register.name)));
        let shunt = sheet
            .shunt
            .filter(|_| wiring.measures_current())
            .map(|field| field.steps(bits(field.register.name)));
        let bus = sheet.bus.steps(bits(sheet.bus.register.name));
        convert(&(sheet.scale)(configuration), wiring, bus, shunt)
            .map_err(|reach| SensorError::OutOfRange { device: wiring.device(), reach })
    }

    /// Each of them.
    pub fn list(&self) -> &[RegisterWord] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ems_simulator::{Ads1115, Ina219, Ina226};

    use super::*;
    use crate::sensor::testing::{ADDRESS, Bench, assert_close, device, wiring};

    fn registers(bench: &Bench, kind: SensorKind) -> Result<Registers, SensorError> {
        look_at(bench.bus.clone(), device("chip"), kind, 1, 0).map(|mut looks| looks.remove(0))
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
    fn a_chip_that_waits_to_be_set_up_is_told_from_another_one() {
        let bench = Bench::default();
        bench.bus.attach(ADDRESS, Box::new(Ads1115::new(bench.pins.clone())));
        let error = registers(&bench, SensorKind::Ads1115).unwrap_err().to_string();
        assert!(
            error.contains("CONFIG is 0x8583") && error.ends_with("start ems-edge, which does"),
            "{error}"
        );
        // Another data rate: somebody else's chip, or another kind of chip.
        bench.bus.clone().write(ADDRESS, &[0x01, 0x85, 0xA3]).unwrap();
        let error = registers(&bench, SensorKind::Ads1115).unwrap_err();
        assert_eq!(error.kind(), "wrong chip", "{error}");
    }

    #[test]
    fn the_end_of_the_range_that_an_ina219_was_set_to_is_not_believed() {
        let bench = Bench::default();
        bench.bus.attach(ADDRESS, Box::new(Ina219::with_clock(bench.pins.clone(), bench.hand.clock())));
        // PGA 1: ±40 mV, where 50 mV read as 40.
        bench.bus.clone().write(ADDRESS, &[0x00, 0x27, 0xFF]).unwrap();
        bench.pins.set(13.3, 50e-3);
        bench.hand.advance(Duration::from_millis(200));
        let looked = registers(&bench, SensorKind::Ina219).unwrap().reading(&wiring(SensorKind::Ina219));
        assert!(matches!(looked, Err(SensorError::OutOfRange { .. })), "{looked:?}");
    }

    #[test]
    fn nothing_there_is_no_answer() {
        let error = registers(&Bench::default(), SensorKind::Ina219).unwrap_err();
        assert_eq!((error.kind(), error.errno()), ("no answer", Some(121)));
    }
}
