//! Whether a chip, as it is wired, can measure the pack.

use std::ops::RangeInclusive;

use super::wiring::{SensorKind, Wiring};
use crate::battery::{Chemistry, Pack};

impl Wiring {
    /// Looks whether this wiring can measure `pack`: warnings if it can.
    ///
    /// # Errors
    /// If it cannot: a sentence that says why, and what to set or to buy.
    pub fn check(&self, pack: &Pack) -> Result<Vec<String>, String> {
        let limits = match self.kind {
            SensorKind::Simulated => return Ok(self.check_simulated(pack)),
            SensorKind::Ina219 => &INA219,
            SensorKind::Ina226 => &INA226,
            SensorKind::Ina228 => &INA228,
            SensorKind::Ina238 => &INA238,
            SensorKind::Max17048 => &MAX17048,
            SensorKind::Ads1115 => &ADS1115,
            SensorKind::Hwmon | SensorKind::PowerSupply => return self.check_kernel(),
        };
        self.check_numbers()?;
        self.check_address(limits)?;
        self.check_shunt(limits)?;
        self.check_pin(limits, pack)?;
        let mut warnings = Vec::new();
        if self.kind == SensorKind::Ina219 && !self.is_undivided() {
            warnings.push(format!(
                "an INA219 behind a divider (DIVIDER={}) gives the voltage only, because it measures the bus at \
                 a shunt input: use an INA226 with a low-side shunt to have the current too",
                self.divider
            ));
        }
        Ok(warnings)
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

    fn check_numbers(&self) -> Result<(), String> {
        if !(self.divider.is_finite() && self.divider >= 1.0) {
            return Err(format!(
                "DIVIDER={} is no ratio of the pack's voltage to the chip's: set 1 or more",
                self.divider
            ));
        }
        if !(self.shunt.ohms.is_finite() && self.shunt.ohms > 0.0) {
            return Err("SHUNT has no resistance: set it as 100A/75mV or 750uohm".to_owned());
        }
        Ok(())
    }

    fn check_address(&self, limits: &Limits) -> Result<(), String> {
        if limits.addresses.contains(&self.address) {
            return Ok(());
        }
        let (first, last) = (limits.addresses.start(), limits.addresses.end());
        let remedy = if first == last {
            format!("{first:#04x}, which is its only one")
        } else {
            format!("{first:#04x} to {last:#04x}, as its address pins are wired")
        };
        Err(format!("{} has no address {:#04x}: set I2C_ADDRESS to {remedy}", limits.an(), self.address))
    }

    fn check_kernel(&self) -> Result<Vec<String>, String> {
        self.check_numbers()?;
        if self.bus.as_os_str().is_empty() {
            return Err(format!(
                "SENSOR={} needs the name of the kernel's device: set SENSOR_NAME to one that `{}` shows",
                self.kind.word(),
                if self.kind == SensorKind::Hwmon {
                    "cat /sys/class/hwmon/*/name"
                } else {
                    "ls /sys/class/power_supply"
                }
            ));
        }
        Ok(Vec::new())
    }

    fn check_shunt(&self, limits: &Limits) -> Result<(), String> {
        match self.shunt.rated_volts() {
            Some(rated) if rated > limits.shunt_volts => Err(format!(
                "the shunt drops {:.1} mV at its rated current and {} measures up to {} mV: use a shunt of \
                 lower resistance, such as 100A/75mV",
                rated * 1e3,
                limits.an(),
                limits.shunt_volts * 1e3
            )),
            _ => Ok(()),
        }
    }

    fn check_pin(&self, limits: &Limits, pack: &Pack) -> Result<(), String> {
        let at_pin = pack.max_volts() / self.divider;
        if at_pin <= limits.pin_volts {
            return Ok(());
        }
        let divided =
            if self.is_undivided() { String::new() } else { format!(", {at_pin:.1} V after the divider") };
        let full = pack.max_volts();
        if self.kind == SensorKind::Max17048 {
            return Err(format!(
                "a MAX17040/43/48 measures one lithium cell and this pack reaches {full:.1} V: set CELLS_SERIES=1 if its \
                 cells are in parallel, else use an INA226 (up to 36 V) or an INA228 (up to 85 V)"
            ));
        }
        // Rounded up: what is advised must be accepted.
        let least = |volts: f64| (full / volts * 100.0).ceil() / 100.0;
        if self.kind == SensorKind::Ads1115 {
            let ratio = least(limits.pin_volts);
            return Err(format!(
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
        Err(format!(
            "{} measures up to {} V and this pack reaches {full:.1} V{divided}: {remedy}",
            limits.an(),
            limits.pin_volts,
        ))
    }
}

/// What a chip can be connected to.
struct Limits {
    chip: &'static str,
    addresses: RangeInclusive<u8>,
    pin_volts: f64,
    /// Infinite where no shunt is connected.
    shunt_volts: f64,
}

impl Limits {
    fn an(&self) -> String {
        let article = if self.chip.starts_with('M') { "a" } else { "an" };
        format!("{article} {}", self.chip)
    }
}

/// Datasheet SBOS448G, sections 7.3 and 7.5.
const INA219: Limits = Limits { chip: "INA219", addresses: 0x40..=0x4F, pin_volts: 26.0, shunt_volts: 0.32 };
/// Datasheet SBOS547B, sections 5.3 and 5.5.
const INA226: Limits =
    Limits { chip: "INA226", addresses: 0x40..=0x4F, pin_volts: 36.0, shunt_volts: 0.081_92 };
/// Datasheet SLYS021A, sections 6.3 and 6.5.
const INA228: Limits =
    Limits { chip: "INA228", addresses: 0x40..=0x4F, pin_volts: 85.0, shunt_volts: 0.163_84 };
/// Datasheet SBOSA20C, sections 6.3 and 6.5.
const INA238: Limits = Limits { chip: "INA238", ..INA228 };
/// Datasheet 19-6171: VDD, which is the cell.
const MAX17048: Limits =
    Limits { chip: "MAX17048", addresses: 0x36..=0x36, pin_volts: 4.5, shunt_volts: f64::INFINITY };
/// Datasheet SBAS444E, section 6.3: an input stays below the supply, which is a Pi's 3.3 V.
const ADS1115: Limits =
    Limits { chip: "ADS1115", addresses: 0x48..=0x4B, pin_volts: 3.3, shunt_volts: f64::INFINITY };

const SIMULATED_PACK: Pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::{CurrentSign, Shunt};

    const LFP_4S: Pack = Pack { cells_series: 4, ..SIMULATED_PACK };
    const LFP_16S: Pack = SIMULATED_PACK;

    fn wiring(kind: SensorKind, divider: f64) -> Wiring {
        Wiring {
            kind,
            bus: "/dev/i2c-1".into(),
            address: 0x40,
            shunt: Shunt { ohms: 750e-6, rated_amps: Some(100.0) },
            current_sign: CurrentSign::Normal,
            divider,
            temperature_probe: None,
            sense: None,
        }
    }

    #[test]
    fn an_ina219_on_a_24_v_pack_is_sent_to_the_chip_that_needs_no_divider() {
        let pack = Pack { cells_series: 8, ..LFP_16S };
        let refusal = wiring(SensorKind::Ina219, 1.0).check(&pack).unwrap_err();
        assert!(refusal.ends_with("29.2 V: use an INA226 (up to 36 V) or an INA228"), "{refusal}");
    }

    #[test]
    fn an_ina219_on_a_48_v_pack_is_refused_with_what_to_buy_or_set() {
        let refusal = wiring(SensorKind::Ina219, 1.0).check(&LFP_16S).unwrap_err();
        for words in ["26 V", "58.4 V", "INA228", "INA226 with a low-side shunt", "DIVIDER to at least 1.63"]
        {
            assert!(refusal.contains(words), "{refusal}");
        }
        assert_eq!(wiring(SensorKind::Ina219, 1.0).check(&LFP_4S), Ok(vec![]));
    }

    #[test]
    fn an_ina226_takes_36_v_at_its_pin_and_the_advised_divider_is_enough() {
        assert!(wiring(SensorKind::Ina226, 1.0).check(&LFP_16S).is_err());
        assert!(wiring(SensorKind::Ina226, 1.5).check(&LFP_16S).unwrap_err().contains("after the divider"));
        assert_eq!(wiring(SensorKind::Ina226, 1.63).check(&LFP_16S), Ok(vec![]));
    }

    #[test]
    fn an_ina219_behind_a_divider_is_told_to_be_voltage_only() {
        let warnings = wiring(SensorKind::Ina219, 3.0).check(&LFP_16S).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("voltage only"), "{warnings:?}");
    }

    #[test]
    fn an_ina228_takes_a_48_v_pack_without_a_divider_and_96_v_with_one() {
        assert_eq!(wiring(SensorKind::Ina228, 1.0).check(&LFP_16S), Ok(vec![]));
        let pack = Pack { cells_series: 32, ..LFP_16S };
        let refusal = wiring(SensorKind::Ina226, 1.0).check(&pack).unwrap_err();
        assert!(refusal.contains("INA228 with a low-side shunt and a divider"), "{refusal}");
        assert_eq!(wiring(SensorKind::Ina238, 1.38).check(&pack), Ok(vec![]));
    }

    #[test]
    fn a_gauge_is_for_one_cell_and_a_converter_for_3_3_v() {
        let cell = Pack { cells_series: 1, ..LFP_4S };
        let gauge = Wiring { address: 0x36, ..wiring(SensorKind::Max17048, 1.0) };
        assert_eq!(gauge.check(&cell), Ok(vec![]));
        assert!(gauge.check(&LFP_4S).unwrap_err().contains("CELLS_SERIES=1"));
        assert!(wiring(SensorKind::Max17048, 1.0).check(&cell).unwrap_err().contains("0x36"));
        let converter = Wiring { address: 0x48, ..wiring(SensorKind::Ads1115, 1.0) };
        assert!(converter.check(&LFP_16S).unwrap_err().contains("DIVIDER to at least 17.70"));
        assert_eq!(Wiring { divider: 17.7, ..converter }.check(&LFP_16S), Ok(vec![]));
    }

    #[test]
    fn a_device_of_the_kernels_needs_its_name() {
        let named = |name: &str| Wiring { bus: name.into(), address: 0, ..wiring(SensorKind::Hwmon, 1.0) };
        assert!(named("").check(&LFP_16S).unwrap_err().contains("SENSOR_NAME"));
        assert_eq!(named("ina226").check(&LFP_16S), Ok(vec![]));
    }

    #[test]
    fn an_address_that_the_chip_cannot_have_is_refused() {
        for (address, good) in [(0x3F, false), (0x40, true), (0x4F, true), (0x50, false)] {
            let wiring = Wiring { address, ..wiring(SensorKind::Ina226, 2.0) };
            assert_eq!(wiring.check(&LFP_16S).is_ok(), good);
        }
    }

    #[test]
    fn a_shunt_that_drops_more_than_the_chip_measures_is_refused() {
        let shunt = Shunt { ohms: 1e-3, rated_amps: Some(100.0) };
        let with = |kind| Wiring { shunt, ..wiring(kind, 1.0) }.check(&LFP_4S);
        assert!(with(SensorKind::Ina226).unwrap_err().contains("100.0 mV"));
        assert_eq!(with(SensorKind::Ina219), Ok(vec![]));
    }

    #[test]
    fn numbers_that_mean_nothing_are_refused() {
        for divider in [0.0, 0.5, -2.0, f64::NAN, f64::INFINITY] {
            assert!(wiring(SensorKind::Ina226, divider).check(&LFP_4S).unwrap_err().contains("DIVIDER"));
        }
        for ohms in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let shunt = Shunt { ohms, rated_amps: None };
            let wiring = Wiring { shunt, ..wiring(SensorKind::Ina226, 1.0) };
            assert!(wiring.check(&LFP_4S).unwrap_err().contains("SHUNT"));
        }
    }

    #[test]
    fn the_simulation_warns_of_settings_that_it_does_not_follow() {
        assert_eq!(Wiring::simulated().check(&LFP_16S), Ok(vec![]));
        assert_eq!(Wiring { bus: "/dev/i2c-1".into(), ..Wiring::simulated() }.check(&LFP_16S), Ok(vec![]));
        assert_eq!(Wiring::simulated().check(&LFP_4S).unwrap().len(), 1);
        assert_eq!(wiring(SensorKind::Simulated, 1.0).check(&LFP_16S).unwrap().len(), 1);
    }
}
