//! Whether a chip, as it is wired, can measure the pack.

mod limits;

use super::chips;
use super::ina219;
use super::wiring::{SensorKind, Wiring};
use crate::battery::{Chemistry, Pack};
use limits::{ADS1115, INA219, INA226, INA228, INA238, Limits, MAX17048};

/// Why a wiring cannot measure a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The key of the configuration that is wrong, or first among those that do not go together.
    pub key: &'static str,
    /// What is wrong, and what to set or to buy.
    pub why: String,
}

impl Unfit {
    fn new(key: &'static str, why: impl Into<String>) -> Self {
        Self { key, why: why.into() }
    }
}

impl Wiring {
    /// Looks whether this wiring can measure `pack`: warnings if it can.
    ///
    /// # Errors
    /// If it cannot: a sentence that says why, and what to set or to buy.
    pub fn check(&self, pack: &Pack) -> Result<Vec<String>, Unfit> {
        let limits = match self.kind {
            SensorKind::Simulated => return Ok(self.check_simulated(pack)),
            SensorKind::Ina219 => &INA219,
            SensorKind::Ina226 => &INA226,
            SensorKind::Ina228 => &INA228,
            SensorKind::Ina238 => &INA238,
            SensorKind::Max17048 => &MAX17048,
            SensorKind::Ads1115 => &ADS1115,
            SensorKind::Hwmon | SensorKind::PowerSupply => return self.check_kernel(pack),
        };
        self.check_numbers()?;
        self.check_address(limits)?;
        self.check_shunt(limits)?;
        self.check_gauge(pack)?;
        self.check_pin(limits, pack)?;
        let mut warnings = Vec::new();
        if self.kind == SensorKind::Ina219 && !self.is_undivided() {
            warnings.push(format!(
                "an INA219 behind a divider (DIVIDER={}) gives the voltage only, because it measures the bus at \
                 a shunt input: use an INA226 with a low-side shunt to have the current too",
                self.divider
            ));
        }
        if let Some(most) = self.most_amps().filter(|most| *most < pack.capacity_ah * LITTLE_C_RATE) {
            warnings.push(format!(
                "with a shunt of {} {} measures up to {most:.2} A, which is little for a pack of {} Ah: check SHUNT",
                self.milliohms(),
                limits.an(),
                pack.capacity_ah
            ));
        }
        Ok(warnings)
    }

    /// Looks whether a current of `amps`, which `key` names as a limit, is within what this wiring measures.
    ///
    /// # Errors
    /// If it is not: a sentence that says how much is, and what to set or to buy.
    pub fn check_amps(&self, key: &'static str, amps: f64) -> Result<(), Unfit> {
        let Some(most) = self.most_amps().filter(|most| amps > *most) else { return Ok(()) };
        let chip = chips::datasheet(self.kind, None).chip;
        let ohms = most * self.shunt.ohms / amps;
        Err(Unfit::new(
            key,
            format!(
                "{amps} A cannot be measured: with a shunt of {} an {chip} measures up to {most:.1} A; set it to that or \
                 less, or use a shunt of at most {:.0} µΩ",
                self.milliohms(),
                (ohms * 1e6).floor()
            ),
        ))
    }

    fn milliohms(&self) -> String {
        format!("{} mΩ", (self.shunt.ohms * 1e6).round() / 1e3)
    }

    /// The largest current in A that is told from one beyond the range; `None` if none is measured, or nobody knows.
    fn most_amps(&self) -> Option<f64> {
        let rated = self.shunt.rated_volts();
        let scale = match self.kind {
            SensorKind::Ina219 if self.is_undivided() => ina219::scale(ina219::configuration(rated)),
            SensorKind::Ina226 | SensorKind::Ina228 | SensorKind::Ina238 => {
                let sheet = chips::datasheet(self.kind, rated);
                (sheet.scale)(sheet.settings.first().map_or(0, |setting| setting.word))
            }
            _ => return None,
        };
        Some(f64::from(scale.shunt_end - 1) * scale.shunt_lsb / self.shunt.ohms)
    }

    fn check_simulated(&self, pack: &Pack) -> Vec<String> {
        let mut warnings = Vec::new();
        let own = Self {
            bus: self.bus.clone(),
            temperature_probe: self.temperature_probe.clone(),
            ..Self::simulated()
        };
        if *self != own {
            warnings.push(
                "SENSOR=simulated brings its own wiring: I2C_ADDRESS, SHUNT, CURRENT_SIGN and DIVIDER are not \
                 used"
                    .to_owned(),
            );
        }
        if *pack != SIMULATED_PACK {
            warnings.push(
                "SENSOR=simulated brings its own pack: set CHEMISTRY=lfp, CELLS_SERIES=16 and CAPACITY_AH=100, or \
                 the state of charge will be wrong"
                    .to_owned(),
            );
        }
        warnings
    }

    fn check_numbers(&self) -> Result<(), Unfit> {
        if !(self.divider.is_finite() && self.divider >= 1.0) {
            let why =
                format!("{} is no ratio of the pack's voltage to the chip's: set 1 or more", self.divider);
            return Err(Unfit::new("DIVIDER", why));
        }
        if !(self.shunt.ohms.is_finite() && self.shunt.ohms > 0.0) {
            return Err(Unfit::new("SHUNT", "it has no resistance: set it as 100A/75mV or 750uohm"));
        }
        Ok(())
    }

    fn check_address(&self, limits: &Limits) -> Result<(), Unfit> {
        if limits.addresses.contains(&self.address) {
            return Ok(());
        }
        let (first, last) = (limits.addresses.start(), limits.addresses.end());
        let remedy = if first == last {
            format!("{first:#04x}, which is its only one")
        } else {
            format!("{first:#04x} to {last:#04x}, as its address pins are wired")
        };
        let why =
            format!("{} has no address {:#04x}: set I2C_ADDRESS to {remedy}", limits.an(), self.address);
        Err(Unfit::new("I2C_ADDRESS", why))
    }

    fn check_kernel(&self, pack: &Pack) -> Result<Vec<String>, Unfit> {
        self.check_numbers()?;
        let name = self.bus.to_string_lossy();
        if name.is_empty() {
            let list = match self.kind {
                SensorKind::Hwmon => "cat /sys/class/hwmon/*/name",
                _ => "ls /sys/class/power_supply",
            };
            let why = format!(
                "SENSOR={} needs the name of the kernel's device: set it to one that `{list}` shows",
                self.kind.word()
            );
            return Err(Unfit::new("SENSOR_NAME", why));
        }
        let name = name.split_once('@').map_or(&*name, |(name, _)| name);
        if self.kind == SensorKind::Hwmon
            && let Some(limits) = Limits::of_driver(name)
        {
            self.check_shunt(limits)?;
            self.check_pin(limits, pack)?;
        }
        Ok(Vec::new())
    }

    fn check_shunt(&self, limits: &Limits) -> Result<(), Unfit> {
        match self.shunt.rated_volts() {
            Some(rated) if rated > limits.shunt_volts => Err(Unfit::new(
                "SHUNT",
                format!(
                    "the shunt drops {:.1} mV at its rated current and {} measures up to {} mV: use a shunt of \
                     lower resistance, such as 100A/75mV",
                    rated * 1e3,
                    limits.an(),
                    limits.shunt_volts * 1e3
                ),
            )),
            _ => Ok(()),
        }
    }

    /// A gauge is fed by the lithium cell that it measures.
    fn check_gauge(&self, pack: &Pack) -> Result<(), Unfit> {
        if self.kind != SensorKind::Max17048 {
            return Ok(());
        }
        let instead = "use an INA226 (up to 36 V) or an INA228 (up to 85 V) instead";
        if pack.chemistry == Chemistry::LeadAcid {
            let why = format!("a MAX17040/43/48 lives on the lithium cell that it measures: {instead}");
            return Err(Unfit::new("SENSOR", why));
        }
        if !self.is_undivided() {
            let why = format!(
                "a MAX17040/43/48 lives on the cell that it measures, and a divider cannot feed it: leave DIVIDER out, or {instead}"
            );
            return Err(Unfit::new("DIVIDER", why));
        }
        Ok(())
    }

    fn check_pin(&self, limits: &Limits, pack: &Pack) -> Result<(), Unfit> {
        let at_pin = pack.max_volts() / self.divider;
        if at_pin <= limits.pin_volts {
            return Ok(());
        }
        let unfit = |why| Err(Unfit::new("SENSOR", why));
        let divided =
            if self.is_undivided() { String::new() } else { format!(", {at_pin:.1} V after the divider") };
        let full = pack.max_volts();
        if self.kind == SensorKind::Max17048 {
            return unfit(format!(
                "a MAX17040/43/48 measures one lithium cell and this pack reaches {full:.1} V: set CELLS_SERIES=1 if its \
                 cells are in parallel, else use an INA226 (up to 36 V) or an INA228 (up to 85 V)"
            ));
        }
        // Rounded up: what is advised must be accepted.
        let least = |volts: f64| (full / volts * 100.0).ceil() / 100.0;
        if self.kind == SensorKind::Ads1115 {
            let ratio = least(limits.pin_volts);
            return unfit(format!(
                "an ADS1115 at 3.3 V measures up to 3.3 V and this pack reaches {full:.1} V{divided}: use a divider of \
                 resistors and set DIVIDER to at least {ratio:.2}"
            ));
        }
        let remedy = if full <= INA226.pin_volts {
            "use an INA226 (up to 36 V) or an INA228".to_owned()
        } else if full > INA228.pin_volts {
            let ratio = least(INA228.pin_volts);
            format!(
                "use an INA228 with a low-side shunt and a divider, and set DIVIDER to at least {ratio:.2}"
            )
        } else {
            let ratio = least(INA226.pin_volts);
            format!(
                "use an INA228, or an INA226 with a low-side shunt and a divider, and set DIVIDER to at least {ratio:.2}"
            )
        };
        unfit(format!(
            "{} measures up to {} V and this pack reaches {full:.1} V{divided}: {remedy}",
            limits.an(),
            limits.pin_volts,
        ))
    }
}

/// A current range below this, as a multiple of the capacity per hour, is more likely a slip than a battery's.
const LITTLE_C_RATE: f64 = 0.02;
const SIMULATED_PACK: Pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };

#[cfg(test)]
mod tests;
