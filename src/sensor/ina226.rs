//! TI INA226: bus to 36 V, shunt ±81.92 mV (datasheet SBOS547B).

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;
use ina226::{AVG, Config, INA226, MODE, MaskEnableFlags, VBUSCT, VSHCT};

use super::convert::{Scale, convert};
use super::datasheet::{Datasheet, Field, Ready, Register, Setting, register};
use super::joined::Joined;
use super::{BatteryMonitor, Device, Errno, Reading, SensorError, Wiring};

/// Steps of the shunt (section 7.1, register 01h) and bus voltage (02h); bus limit from section 5.3.
pub(super) const SCALE: Scale =
    Scale { bus_lsb: 1.25e-3, bus_limit: 36.0, shunt_lsb: 2.5e-6, shunt_end: 0x7FFF };

/// 16 averages of 2.116 ms on each input: a result every 67.7 ms, at most 74.5 ms (section 5.5), so a reading
/// at 10 Hz is always a new one and one at 1 Hz has 68 ms of load noise averaged out.
const CONFIGURATION: Config = Config {
    avg: AVG::_16,
    vbusct: VBUSCT::_2116us,
    vshct: VSHCT::_2116us,
    mode: MODE::ShuntBusVoltageContinuous,
};
/// [`CONFIGURATION`] as the register reads, bit 14 being fixed at 1.
const CONFIGURATION_WORD: u16 = 0x456F;
const CONFIGURATION_AT_POWER_ON: u16 = 0x4127;

const TEXAS_INSTRUMENTS: u16 = 0x5449;
/// Bits 15 to 4 of the die id; the others are the revision.
const DIE: u16 = 0x226;

/// Section 7.1.
const CONFIGURATION_REGISTER: Register = register!(0x00, "CONFIGURATION", 2);
const SHUNT_VOLTAGE: Register = register!(0x01, "SHUNT_VOLTAGE", 2);
const BUS_VOLTAGE: Register = register!(0x02, "BUS_VOLTAGE", 2);
const CALIBRATION: Register = register!(0x05, "CALIBRATION", 2);
const MASK_ENABLE: Register = register!(0x06, "MASK_ENABLE", 2);
pub(super) const MANUFACTURER_ID: Register = register!(0xFE, "MANUFACTURER_ID", 2);
pub(super) const DIE_ID: Register = register!(0xFF, "DIE_ID", 2);
/// Shunt and bus, continuously.
const MODE: u16 = 0b111;

/// The chip for a look, whatever its configuration.
pub(super) fn datasheet() -> Datasheet {
    Datasheet {
        chip: "INA226",
        ids: &[MANUFACTURER_ID, DIE_ID],
        identify: |ids| match ids {
            &[manufacturer, die] => identified(manufacturer, die),
            _ => Err("a chip without ids answers".to_owned()),
        },
        settings: vec![Setting {
            register: CONFIGURATION_REGISTER,
            word: CONFIGURATION_WORD,
            kept: 0xFFFF,
            at_power_on: &[CONFIGURATION_AT_POWER_ON],
        }],
        ready: Ready::Flag(MASK_ENABLE, 1 << 3),
        bus: Field { register: BUS_VOLTAGE, shift: 0, is_signed: false },
        shunt: Some(Field { register: SHUNT_VOLTAGE, shift: 0, is_signed: true }),
        charge: None,
        scale: |_| SCALE,
        sleeps: |words| words.first().is_none_or(|configuration| configuration & MODE != MODE),
        also: &[CALIBRATION],
    }
}

/// Together twice the time of one result.
const READY_POLLS: u32 = 30;
const READY_POLL_MS: u32 = 5;

/// Whether these are the ids of an INA226.
pub(super) fn is_ina226(manufacturer: u16, die: u16) -> bool {
    manufacturer == TEXAS_INSTRUMENTS && die >> 4 == DIE
}

/// What answers, unless these are the ids of an INA226.
fn identified(manufacturer: u16, die: u16) -> Result<(), String> {
    if is_ina226(manufacturer, die) {
        return Ok(());
    }
    let kind = match (manufacturer, die) {
        (0, 0) | (0xFFFF, 0xFFFF) => "a chip without ids",
        (TEXAS_INSTRUMENTS, _) => "another chip of Texas Instruments",
        _ => "a clone or another maker's chip",
    };
    Err(format!(
        "{kind} answers (manufacturer {manufacturer:#06x} instead of {TEXAS_INSTRUMENTS:#06x}, die {die:#06x} \
         instead of 0x2260)"
    ))
}

/// An INA226 that has been identified and configured.
pub(super) struct Ina226Monitor<I2C, D> {
    chip: INA226<Joined<I2C>>,
    delay: D,
    device: Device,
    wiring: Wiring,
    configurations_lost: u32,
}

impl<I2C, D> Ina226Monitor<I2C, D>
where
    I2C: I2c<Error: Errno>,
    D: DelayNs,
{
    /// Identifies the chip by reading alone (another chip may sit at this address), then configures it.
    pub(super) fn open(i2c: I2C, delay: D, device: Device, wiring: Wiring) -> Result<Self, SensorError> {
        let chip = INA226::new(Joined::new(i2c), device.address);
        let mut monitor = Self { chip, delay, device, wiring, configurations_lost: 0 };
        monitor.identify()?;
        monitor.configure()?;
        Ok(monitor)
    }

    fn identify(&mut self) -> Result<(), SensorError> {
        let manufacturer =
            self.chip.manufacturer_id().map_err(|e| self.failed("reading MANUFACTURER_ID", &e))?;
        let die = self.chip.die_id().map_err(|e| self.failed("reading DIE_ID", &e))?;
        identified(manufacturer, die)
            .map_err(|found| SensorError::WrongChip { device: self.device.clone(), found })
    }

    fn configure(&mut self) -> Result<(), SensorError> {
        self.chip.set_configuration(&CONFIGURATION).map_err(|e| self.failed("writing CONFIGURATION", &e))
    }

    /// The bus and shunt registers of a conversion that ended after the last call; `None` if none does.
    fn measure(&mut self) -> Result<Option<(u16, i16)>, SensorError> {
        for _ in 0..READY_POLLS {
            // Reading the flag clears it.
            let flags = self.chip.mask_enable().map_err(|e| self.failed("reading MASK_ENABLE", &e))?;
            if flags.contains(MaskEnableFlags::CVRF) {
                let shunt =
                    self.chip.shunt_voltage_raw().map_err(|e| self.failed("reading SHUNT_VOLTAGE", &e))?;
                let bus = self.chip.bus_voltage_raw().map_err(|e| self.failed("reading BUS_VOLTAGE", &e))?;
                return Ok(Some((bus, shunt)));
            }
            self.delay.delay_ms(READY_POLL_MS);
        }
        Ok(None)
    }

    fn judge(&self, measured: Option<(u16, i16)>) -> Result<Reading, SensorError> {
        let (bus, shunt) =
            measured.ok_or_else(|| SensorError::NoConversion { device: self.device.clone() })?;
        convert(&SCALE, &self.wiring, bus.into(), Some(shunt.into()))
            .map_err(|reach| SensorError::OutOfRange { device: self.device.clone(), reach })
    }

    fn verify_configuration(&mut self) -> Result<(), SensorError> {
        let found = self.chip.configuration_raw().map_err(|e| self.failed("reading CONFIGURATION", &e))?;
        if found == CONFIGURATION_WORD {
            return Ok(());
        }
        // It may be another chip by now.
        self.identify()?;
        self.configurations_lost += 1;
        self.configure()?;
        Err(SensorError::ConfigurationLost {
            device: self.device.clone(),
            found,
            power_on: found == CONFIGURATION_AT_POWER_ON,
            count: self.configurations_lost,
        })
    }

    fn failed(&self, action: &'static str, error: &I2C::Error) -> SensorError {
        SensorError::Transfer { device: self.device.clone(), action, errno: error.errno() }
    }
}

impl<I2C, D> BatteryMonitor for Ina226Monitor<I2C, D>
where
    I2C: I2c<Error: Errno> + Send,
    D: DelayNs + Send,
{
    fn describe(&self) -> String {
        self.device.to_string()
    }

    fn read(&mut self) -> Result<Reading, SensorError> {
        let measured = self.measure()?;
        // Last, because a chip that restarts between pointer and read answers with its configuration, 0x4127, which
        // is a believable 20.8 V.
        self.verify_configuration()?;
        self.judge(measured)
    }

    fn sense(&mut self) -> Result<Reading, SensorError> {
        let measured = self.measure()?;
        self.judge(measured)
    }
}

#[cfg(test)]
mod tests;
