//! The driver of every chip that its [`Datasheet`] describes.

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;

use super::convert::{Scale, convert};
use super::datasheet::{Datasheet, Ready, Register};
use super::{BatteryMonitor, CurrentSign, Device, Errno, Reading, SensorError, Wiring};
use crate::battery::ChargeCount;

/// Together twice the time of one result.
const READY_POLLS: u32 = 30;
const READY_POLL_MS: u32 = 5;

/// A chip that has been identified and configured.
pub(super) struct RegisterMonitor<I2C, D> {
    wires: Wires<I2C>,
    delay: D,
    wiring: Wiring,
    sheet: Datasheet,
    scale: Scale,
    configurations_lost: u32,
    /// Whether the chip has counted on since the last reading, or since an earlier run.
    counts_on: bool,
}

/// Single registers of one chip. Each is one transfer, a write of the pointer and a read: the read is the last
/// message, as the Pi's controller demands.
pub(super) struct Wires<I2C> {
    pub(super) i2c: I2C,
    pub(super) device: Device,
}

impl<I2C, D> RegisterMonitor<I2C, D>
where
    I2C: I2c<Error: Errno>,
    D: DelayNs,
{
    /// Identifies the chip by reading alone (another chip may sit at this address), then configures it.
    pub(super) fn open(
        i2c: I2C,
        delay: D,
        device: Device,
        wiring: Wiring,
        sheet: Datasheet,
    ) -> Result<Self, SensorError> {
        let mut wires = Wires { i2c, device };
        wires.identify(&sheet)?;
        let scale = (sheet.scale)(sheet.settings.first().map_or(0, |setting| setting.word));
        let mut monitor =
            Self { wires, delay, wiring, sheet, scale, configurations_lost: 0, counts_on: false };
        // Set up as an earlier run has left it, it has not restarted since.
        monitor.counts_on = monitor.is_configured()?;
        monitor.configure()?;
        if let Ready::After(milliseconds) = monitor.sheet.ready {
            monitor.delay.delay_ms(milliseconds);
        }
        Ok(monitor)
    }

    fn is_configured(&mut self) -> Result<bool, SensorError> {
        for setting in &self.sheet.settings {
            if (word(self.wires.read(setting.register)?) ^ setting.word) & setting.kept != 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the chip has counted up to now.
    fn charge(&mut self) -> Result<Option<ChargeCount>, SensorError> {
        let Some(register) = self.sheet.charge else { return Ok(None) };
        let unused = 64 - 8 * register.bytes;
        let steps = (self.wires.read(register)? << unused).cast_signed() >> unused;
        let sign = match self.wiring.current_sign {
            CurrentSign::Normal => 1.0,
            CurrentSign::Inverted => -1.0,
        };
        let step_ah = sign * self.scale.shunt_lsb / self.wiring.shunt.ohms / 3600.0;
        Ok(Some(ChargeCount { steps, step_ah, restarted: !self.counts_on, by_chip: true }))
    }

    fn configure(&mut self) -> Result<(), SensorError> {
        for setting in &self.sheet.settings {
            self.wires.write(setting.register, setting.word)?;
        }
        Ok(())
    }

    /// Bus and shunt voltage in steps, of a conversion that ended after the last call; `None` if none does.
    fn measure(&mut self) -> Result<Option<(i32, Option<i32>)>, SensorError> {
        for _ in 0..READY_POLLS {
            let is_ready = match self.sheet.ready {
                Ready::Flag(register, bit) => self.wires.read(register)? & u64::from(bit) != 0,
                Ready::After(_) | Ready::Nonzero => true,
            };
            if is_ready {
                let shunt = match self.sheet.shunt {
                    Some(field) => Some(field.steps(self.wires.read(field.register)?)),
                    None => None,
                };
                let bus = self.sheet.bus.steps(self.wires.read(self.sheet.bus.register)?);
                if bus != 0 || !matches!(self.sheet.ready, Ready::Nonzero) {
                    return Ok(Some((bus, shunt)));
                }
            }
            self.delay.delay_ms(READY_POLL_MS);
        }
        Ok(None)
    }

    fn judge(&self, measured: Option<(i32, Option<i32>)>) -> Result<Reading, SensorError> {
        let device = &self.wires.device;
        let (bus, shunt) = measured.ok_or_else(|| SensorError::NoConversion { device: device.clone() })?;
        convert(&self.scale, &self.wiring, bus, shunt)
            .map_err(|reach| SensorError::OutOfRange { device: device.clone(), reach })
    }

    fn verify_configuration(&mut self) -> Result<(), SensorError> {
        for setting in &self.sheet.settings {
            let found = word(self.wires.read(setting.register)?);
            if (found ^ setting.word) & setting.kept == 0 {
                continue;
            }
            // It may be another chip by now.
            self.wires.identify(&self.sheet)?;
            self.configurations_lost += 1;
            self.counts_on = false;
            // A restart within the transfer sets the pointer back: what was read then is another register.
            let found = word(self.wires.read(setting.register)?);
            let power_on = setting.is_at_power_on(found);
            self.configure()?;
            return Err(SensorError::ConfigurationLost {
                device: self.wires.device.clone(),
                found,
                power_on,
                count: self.configurations_lost,
            });
        }
        Ok(())
    }
}

impl<I2C, D> BatteryMonitor for RegisterMonitor<I2C, D>
where
    I2C: I2c<Error: Errno> + Send,
    D: DelayNs + Send,
{
    fn describe(&self) -> String {
        self.wires.device.to_string()
    }

    fn read(&mut self) -> Result<Reading, SensorError> {
        let measured = self.measure()?;
        let charge = self.charge()?;
        // Last, so that a chip that restarts in the middle of the measurement is found out.
        self.verify_configuration()?;
        let reading = self.judge(measured)?;
        self.counts_on = true;
        Ok(Reading { charge, ..reading })
    }

    fn sense(&mut self) -> Result<Reading, SensorError> {
        let measured = self.measure()?;
        self.judge(measured)
    }

    fn has_untold_restart(&self) -> bool {
        self.sheet.charge.is_some() && !self.counts_on
    }
}

impl<I2C: I2c<Error: Errno>> Wires<I2C> {
    /// An error unless the chip's ids are those of the datasheet; gives them.
    pub(super) fn identify(&mut self, sheet: &Datasheet) -> Result<Vec<u16>, SensorError> {
        let ids: Vec<u16> =
            sheet.ids.iter().map(|id| self.read(*id).map(word)).collect::<Result<_, SensorError>>()?;
        (sheet.identify)(&ids)
            .map_err(|found| SensorError::WrongChip { device: self.device.clone(), found })?;
        Ok(ids)
    }

    /// What a register reads, right-aligned.
    pub(super) fn read(&mut self, register: Register) -> Result<u64, SensorError> {
        let mut bytes = [0; 8];
        let (_, buffer) = bytes.split_at_mut(8 - register.bytes);
        self.i2c
            .write_read(self.device.address, &[register.number], buffer)
            .map_err(|error| self.failed(register.reading, &error))?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn write(&mut self, register: Register, word: u16) -> Result<(), SensorError> {
        let [high, low] = word.to_be_bytes();
        self.i2c
            .write(self.device.address, &[register.number, high, low])
            .map_err(|error| self.failed(register.writing, &error))
    }

    fn failed(&self, action: &'static str, error: &I2C::Error) -> SensorError {
        SensorError::Transfer { device: self.device.clone(), action, errno: error.errno() }
    }
}

/// The lower 16 bits.
pub(super) fn word(bits: u64) -> u16 {
    let [.., high, low] = bits.to_be_bytes();
    u16::from_be_bytes([high, low])
}
