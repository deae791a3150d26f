//! TI INA219: bus to 26 V, shunt ±40 to ±320 mV (datasheet SBOS448G).

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;
use ina219::SyncIna219;
use ina219::address::Address;
use ina219::calibration::UnCalibrated;
use ina219::configuration::{BusVoltageRange, Configuration, Resolution, ShuntVoltageRange};
use ina219::errors::{
    BusVoltageReadError, ConfigurationReadError, InitializationErrorReason, MeasurementError,
    ShuntVoltageReadError,
};
use ina219::measurements::Measurements;

use super::convert::{OutOfRange, Scale, convert};
use super::datasheet::{Datasheet, Field, Ready, Register, Setting, register};
use super::{BatteryMonitor, Device, Errno, Reading, SensorError, Wiring};

/// The pins take 26 V (section 7.3), though the converter goes to 32 V.
const BUS_LIMIT: f64 = 26.0;

/// Together twice the time of one result.
const READY_POLLS: u32 = 30;
const READY_POLL_MS: u32 = 5;

/// 64 averages on each input: a result every 68.1 ms, at most 74.9 ms (section 7.5), so a reading at 10 Hz
/// is always a new one and one at 1 Hz has 68 ms of load noise averaged out.
///
/// The shunt's resolution is 10 µV in every range, so the range is the first that leaves room for twice the
/// shunt's rated voltage in V: an inverter's inrush should be measured.
pub(super) fn configuration(rated_shunt_volts: Option<f64>) -> Configuration {
    let wanted = 2.0 * rated_shunt_volts.unwrap_or(f64::INFINITY);
    let shunt_voltage_range =
        [ShuntVoltageRange::Fsr40mv, ShuntVoltageRange::Fsr80mv, ShuntVoltageRange::Fsr160mv]
            .into_iter()
            .find(|range| f64::from(*range.range_mv().end()) / 1e3 >= wanted)
            .unwrap_or(ShuntVoltageRange::Fsr320mv);
    Configuration {
        bus_voltage_range: BusVoltageRange::Fsr32v,
        shunt_voltage_range,
        bus_resolution: Resolution::Avg64,
        shunt_resolution: Resolution::Avg64,
        ..Configuration::default()
    }
}

/// Steps of the shunt (section 8.6.3.1) and bus voltage (8.6.3.2).
pub(super) fn scale(configuration: Configuration) -> Scale {
    let millivolts = *configuration.shunt_voltage_range.range_mv().end();
    Scale {
        bus_lsb: 4e-3,
        bus_limit: BUS_LIMIT,
        shunt_lsb: 10e-6,
        shunt_end: u32::from(millivolts.unsigned_abs()) * 100,
    }
}

/// Section 8.6.
const CONFIGURATION: Register = register!(0x00, "CONFIGURATION", 2);
const SHUNT_VOLTAGE: Register = register!(0x01, "SHUNT_VOLTAGE", 2);
const BUS_VOLTAGE: Register = register!(0x02, "BUS_VOLTAGE", 2);
const CALIBRATION: Register = register!(0x05, "CALIBRATION", 2);
/// ±40 mV, in steps of 10 µV.
const NARROWEST_SHUNT_RANGE: u32 = 4000;
/// Shunt and bus, continuously (section 8.6.2.1).
const MODE: u16 = 0b111;

/// The chip for a look, whatever its configuration.
pub(super) fn datasheet() -> Datasheet {
    Datasheet {
        chip: "INA219",
        ids: &[],
        identify: |_| Ok(()),
        settings: vec![Setting {
            register: CONFIGURATION,
            word: 0x3FFF,
            kept: 0x3FFF,
            at_power_on: &[0x399F],
        }],
        ready: Ready::Flag(BUS_VOLTAGE, 1 << 1),
        // Bits 2 to 0 are no part of the voltage (section 8.6.3.2).
        bus: Field { register: BUS_VOLTAGE, shift: 3, is_signed: false },
        shunt: Some(Field { register: SHUNT_VOLTAGE, shift: 0, is_signed: true }),
        charge: None,
        // PG, bits 12 and 11: ±40 mV times a power of 2 (section 8.6.2.1).
        scale: |configuration| Scale {
            shunt_end: NARROWEST_SHUNT_RANGE << (configuration >> 11 & 0b11),
            ..scale(self::configuration(None))
        },
        sleeps: |words| words.first().is_none_or(|configuration| configuration & MODE != MODE),
        also: &[CALIBRATION],
    }
}

/// An INA219 that has been reset and configured.
pub(super) struct Ina219Monitor<I2C, D> {
    chip: SyncIna219<I2C, UnCalibrated>,
    delay: D,
    device: Device,
    wiring: Wiring,
    configuration: Configuration,
    configurations_lost: u32,
}

impl<I2C, D> Ina219Monitor<I2C, D>
where
    I2C: I2c<Error: Errno>,
    D: DelayNs,
{
    /// Resets the chip, looks whether it is like an INA219 (it has no id register), and configures it.
    pub(super) fn open(i2c: I2C, delay: D, device: Device, wiring: Wiring) -> Result<Self, SensorError> {
        let address = Address::from_byte(device.address).map_err(|_| SensorError::WrongChip {
            device: device.clone(),
            found: "that chip has addresses 0x40 to 0x4f".to_owned(),
        })?;
        // The calibration register is left at 0: it only feeds the current register, which is not used.
        let chip = SyncIna219::new(i2c, address).map_err(|error| match error.reason {
            InitializationErrorReason::I2cError(error) => SensorError::Transfer {
                device: device.clone(),
                action: "resetting by CONFIGURATION",
                errno: error.errno(),
            },
            reason => SensorError::WrongChip {
                device: device.clone(),
                found: format!("the chip that answers is no INA219 ({})", unlike_ina219(&reason)),
            },
        })?;
        let configuration = configuration(wiring.shunt.rated_volts());
        let mut monitor = Self { chip, delay, device, wiring, configuration, configurations_lost: 0 };
        monitor.configure()?;
        Ok(monitor)
    }

    fn configure(&mut self) -> Result<(), SensorError> {
        self.chip
            .set_configuration(self.configuration)
            .map_err(|e| failed(&self.device, "writing CONFIGURATION", &e))
    }

    /// A conversion that ended after the last call; `None` if none does.
    fn measure(&mut self) -> Result<Option<Measured>, SensorError> {
        for _ in 0..READY_POLLS {
            let measured = steps(self.chip.next_measurement())
                .map_err(|e| failed(&self.device, "reading BUS_VOLTAGE, POWER and SHUNT_VOLTAGE", &e))?;
            if measured.is_some() {
                return Ok(measured);
            }
            self.delay.delay_ms(READY_POLL_MS);
        }
        Ok(None)
    }

    fn judge(&self, measured: Option<Measured>) -> Result<Reading, SensorError> {
        let measured = measured.ok_or_else(|| SensorError::NoConversion { device: self.device.clone() })?;
        let with_current = self.wiring.measures_current();
        measured
            .and_then(|(bus, shunt)| {
                convert(
                    &scale(self.configuration),
                    &self.wiring,
                    bus.into(),
                    with_current.then_some(shunt.into()),
                )
            })
            .map_err(|reach| SensorError::OutOfRange { device: self.device.clone(), reach })
    }

    fn verify_configuration(&mut self) -> Result<(), SensorError> {
        // The crate compares too, but with what it has read last, not with what we want.
        let found = match self.chip.configuration() {
            Ok(read) | Err(ConfigurationReadError::ConfigurationMismatch { read, .. }) => read,
            Err(ConfigurationReadError::I2cError(error)) => {
                return Err(failed(&self.device, "reading CONFIGURATION", &error));
            }
        };
        if found == self.configuration {
            return Ok(());
        }
        self.configurations_lost += 1;
        self.configure()?;
        Err(SensorError::ConfigurationLost {
            device: self.device.clone(),
            found: found.as_bits(),
            power_on: found == Configuration::default(),
            count: self.configurations_lost,
        })
    }
}

impl<I2C, D> BatteryMonitor for Ina219Monitor<I2C, D>
where
    I2C: I2c<Error: Errno> + Send,
    D: DelayNs + Send,
{
    fn describe(&self) -> String {
        self.device.to_string()
    }

    fn read(&mut self) -> Result<Reading, SensorError> {
        let measured = self.measure()?;
        // After the measurement, so that a chip that restarts in the middle of it is found out; and before
        // its range is judged, which is another one after a restart.
        self.verify_configuration()?;
        self.judge(measured)
    }

    fn sense(&mut self) -> Result<Reading, SensorError> {
        let measured = self.measure()?;
        self.judge(measured)
    }
}

/// Bus and shunt voltage in steps of their registers.
type Measured = Result<(u16, i16), OutOfRange>;

/// What the crate has measured, apart from what its I/O errors say.
fn steps<E>(
    result: Result<Option<Measurements<(), ()>>, MeasurementError<E>>,
) -> Result<Option<Measured>, E> {
    match result {
        Ok(None) => Ok(None),
        // An overflow only says that the current and power registers cannot be used: nothing here does.
        Ok(Some(m)) | Err(MeasurementError::MathOverflow(m)) => {
            Ok(Some(Ok((m.bus_voltage.voltage_4mv(), m.shunt_voltage.shunt_voltage_10uv()))))
        }
        Err(MeasurementError::ShuntVoltageReadError(ShuntVoltageReadError::ShuntVoltageOutOfRange {
            should,
            is,
        })) => Ok(Some(Err(OutOfRange {
            input: "shunt voltage",
            volts: f64::from(is.shunt_voltage_uv()) / 1e6,
            limit: f64::from(*should.range_mv().end()) / 1e3,
        }))),
        Err(MeasurementError::BusVoltageReadError(BusVoltageReadError::BusVoltageOutOfRange {
            is, ..
        })) => {
            let volts = f64::from(is.voltage_mv()) / 1e3;
            Ok(Some(Err(OutOfRange { input: "bus voltage", volts, limit: BUS_LIMIT })))
        }
        Err(
            MeasurementError::I2cError(error)
            | MeasurementError::ShuntVoltageReadError(ShuntVoltageReadError::I2cError(error))
            | MeasurementError::BusVoltageReadError(BusVoltageReadError::I2cError(error)),
        ) => Err(error),
    }
}

fn failed(device: &Device, action: &'static str, error: &impl Errno) -> SensorError {
    SensorError::Transfer { device: device.clone(), action, errno: error.errno() }
}

fn unlike_ina219<E>(reason: &InitializationErrorReason<E>) -> &'static str {
    match reason {
        InitializationErrorReason::I2cError(_) => "a transfer failed",
        InitializationErrorReason::ConfigurationNotDefaultAfterReset => {
            "no 0x399f in CONFIGURATION after a reset"
        }
        InitializationErrorReason::RegisterNotZeroAfterReset(_) => {
            "CALIBRATION, CURRENT or POWER is not 0 after a reset"
        }
        InitializationErrorReason::ShuntVoltageOutOfRange => "SHUNT_VOLTAGE beyond 320 mV",
        InitializationErrorReason::BusVoltageOutOfRange => "BUS_VOLTAGE beyond 32 V",
    }
}

#[cfg(test)]
mod tests;
