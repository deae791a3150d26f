//! How the sensor is wired to the pack: what the technician writes down, as types.

use std::path::PathBuf;

use ems_simulator::simulated;

/// The measuring chip, or what stands in for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SensorKind {
    /// TI INA219: bus up to 26 V, shunt up to ±320 mV.
    Ina219,
    /// TI INA226: bus up to 36 V, shunt up to ±81.92 mV.
    Ina226,
    /// An INA226 at register level with a simulated 16s `LiFePO4` pack behind it; no hardware is touched.
    Simulated,
}

/// The resistor in the current path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shunt {
    /// Resistance in Ω, greater than 0.
    pub ohms: f64,
    /// The rating printed on it in A, where it was given as rated current and voltage.
    pub rated_amps: Option<f64>,
}

/// Which direction of current through the shunt the chip reads as positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurrentSign {
    /// The chip's positive current charges the battery.
    Normal,
    /// The chip's positive current discharges the battery.
    Inverted,
}

/// Where the sensor is and how it is connected.
#[derive(Debug, Clone, PartialEq)]
pub struct Wiring {
    /// The chip.
    pub kind: SensorKind,
    /// The bus, for example `/dev/i2c-1`.
    pub bus: PathBuf,
    /// 7-bit I2C address.
    pub address: u8,
    /// The shunt.
    pub shunt: Shunt,
    /// The sign convention.
    pub current_sign: CurrentSign,
    /// Effective ratio of the pack's voltage to the voltage at the chip's bus pin; 1 without a divider.
    pub divider: f64,
}

impl Shunt {
    /// The voltage across the shunt at its rated current in V, if it is rated.
    pub fn rated_volts(&self) -> Option<f64> {
        self.rated_amps.map(|amps| amps * self.ohms)
    }
}

impl Wiring {
    /// The wiring of `SENSOR=simulated`.
    pub fn simulated() -> Self {
        Self {
            kind: SensorKind::Simulated,
            bus: PathBuf::from("the simulated bus"),
            address: simulated::ADDRESS,
            shunt: Shunt { ohms: simulated::SHUNT_OHMS, rated_amps: Some(simulated::SHUNT_AMPS) },
            current_sign: CurrentSign::Normal,
            divider: simulated::DIVIDER,
        }
    }

    /// Whether the chip's bus pin is at the pack's own voltage.
    pub fn is_undivided(&self) -> bool {
        (self.divider - 1.0).abs() < f64::EPSILON
    }
}
