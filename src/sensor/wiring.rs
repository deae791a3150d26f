//! How the sensor is wired to the pack: what the technician writes down, as types.

use std::path::PathBuf;
use std::time::Duration;

use ems_simulator::simulated;

/// The measuring chip, or what stands in for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SensorKind {
    /// TI INA219: bus up to 26 V, shunt up to ±320 mV.
    Ina219,
    /// TI INA226: bus up to 36 V, shunt up to ±81.92 mV.
    Ina226,
    /// TI INA228: bus up to 85 V, shunt up to ±163.84 mV with 20 bits.
    Ina228,
    /// TI INA237 or INA238: bus up to 85 V, shunt up to ±163.84 mV.
    Ina238,
    /// Maxim MAX17040, MAX17043 or MAX17048: the voltage of one lithium cell.
    Max17048,
    /// TI ADS1115: a voltage up to 3.3 V, behind a divider.
    Ads1115,
    /// A driver of the kernel's that gives in1 and curr1 below `/sys/class/hwmon`.
    Hwmon,
    /// A driver of the kernel's below `/sys/class/power_supply`.
    PowerSupply,
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
    /// The bus, for example `/dev/i2c-1`; the name of the kernel's device for what the kernel reads.
    pub bus: PathBuf,
    /// 7-bit I2C address; 0 for what the kernel reads.
    pub address: u8,
    /// The shunt.
    pub shunt: Shunt,
    /// The sign convention.
    pub current_sign: CurrentSign,
    /// Effective ratio of the pack's voltage to the voltage at the chip's bus pin; 1 without a divider.
    pub divider: f64,
    /// The probe at the battery: a 1-Wire id or a hwmon name.
    pub temperature_probe: Option<String>,
    /// How often the sensor's thread reads by itself between two samples, if it does.
    pub sense: Option<Duration>,
}

/// How often the current is read between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenseInterval {
    /// As is best for the chip.
    Auto,
    /// Never.
    Off,
    /// Each so long.
    Every(Duration),
}

/// A chip has a new result in 66 to 75 ms.
const SENSE: Duration = Duration::from_millis(100);
/// A reading through the kernel opens and reads a file for each value.
const SENSE_BY_KERNEL: Duration = Duration::from_millis(200);
/// With fewer readings to a sample it is not worth its while.
const LEAST_TO_A_SAMPLE: u32 = 4;

impl SenseInterval {
    /// What this comes to with that sensor and that time between two samples.
    pub fn with(self, kind: SensorKind, sample_interval: Duration) -> Option<Duration> {
        let every = match self {
            Self::Auto => kind.sense_interval(),
            Self::Off => None,
            Self::Every(every) => Some(every).filter(|_| kind.measures_current()),
        };
        every.filter(|every| *every * LEAST_TO_A_SAMPLE <= sample_interval)
    }
}

impl SensorKind {
    /// The values of `SENSOR`.
    pub const WORDS: [(&'static str, Self); 12] = [
        ("ina219", Self::Ina219),
        ("ina226", Self::Ina226),
        ("ina228", Self::Ina228),
        ("ina238", Self::Ina238),
        ("ina237", Self::Ina238),
        ("max17048", Self::Max17048),
        ("max17043", Self::Max17048),
        ("max17040", Self::Max17048),
        ("ads1115", Self::Ads1115),
        ("hwmon", Self::Hwmon),
        ("power_supply", Self::PowerSupply),
        ("simulated", Self::Simulated),
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    /// Whether this program reads a chip on an I2C bus for it.
    pub fn is_on_i2c(self) -> bool {
        !matches!(self, Self::Hwmon | Self::PowerSupply | Self::Simulated)
    }

    /// How often its current is best read between two samples: an INA228 counts by itself, a driver below
    /// `power_supply` gives a gauge's own slow values, and the simulated pack has no load that is shorter than a sample.
    fn sense_interval(self) -> Option<Duration> {
        match self {
            Self::Ina219 | Self::Ina226 | Self::Ina238 => Some(SENSE),
            Self::Hwmon => Some(SENSE_BY_KERNEL),
            Self::Ina228 | Self::Max17048 | Self::Ads1115 | Self::PowerSupply | Self::Simulated => None,
        }
    }

    fn measures_current(self) -> bool {
        !matches!(self, Self::Max17048 | Self::Ads1115)
    }

    /// Whether the kernel reads the chip.
    pub fn is_read_by_kernel(self) -> bool {
        matches!(self, Self::Hwmon | Self::PowerSupply)
    }
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
            temperature_probe: None,
            sense: None,
        }
    }

    /// Whether it gives a current: an INA219 measures the bus at IN−, so a divider there takes that input from the shunt.
    pub fn measures_current(&self) -> bool {
        self.kind.measures_current() && (self.kind != SensorKind::Ina219 || self.is_undivided())
    }

    /// Whether the chip's bus pin is at the pack's own voltage.
    pub fn is_undivided(&self) -> bool {
        (self.divider - 1.0).abs() < f64::EPSILON
    }
}
