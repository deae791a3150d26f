//! One sample of telemetry.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::frame::{encode_sized, kind, text_of};
use crate::{DeviceId, Timestamp};

/// The version of the telemetry object that this crate writes.
pub const VERSION: u8 = 1;
/// A sample as text is shorter, as `ems-edge` sends it.
const USUAL_BYTES: usize = 1024;

/// The `error_flags` that say why a sample has no values.
pub mod flag {
    /// The sensor does not answer.
    pub const SENSOR_LOST: &str = "SENSOR_LOST";
    /// The sensor had lost its configuration; what it read before is not trusted.
    pub const SENSOR_RESET: &str = "SENSOR_RESET";
    /// The sensor answers, but not with sense.
    pub const COMM_LOSS: &str = "COMM_LOSS";
}

/// How a sample's time stamp was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ClockQuality {
    /// From a clock that was synchronised by NTP or GPS.
    Synced,
    /// From the server's `device.welcome`.
    Server,
    /// From the last good time that was kept over a restart.
    Restored,
    /// From a clock that nobody has set.
    Unsynced,
}

/// What the battery does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum State {
    /// Neither charging nor discharging.
    Idle,
    /// Current flows into the battery.
    Charging,
    /// Current flows out of the battery.
    Discharging,
    /// Fully charged.
    Full,
    /// Discharged to the limit.
    Empty,
    /// A fault forbids both.
    Error,
}

/// Who decides about charge and load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Mode {
    /// The device.
    Auto,
    /// An operator.
    Manual,
}

/// One sample: a bare object in plain mode, the payload of `telemetry` in typed mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Telemetry {
    /// Version of this object, 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v: Option<u8>,
    /// Whose sample it is.
    pub device_id: DeviceId,
    /// When it was taken.
    pub timestamp: Timestamp,
    /// The boot in which it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Its number within that boot: one more with each sample. The pair names a sample for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(as = "Option<f64>", optional))]
    pub seq: Option<u64>,
    /// How the time stamp was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockQuality>,
    /// The device's own state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_status: Option<SystemStatus>,
    /// The battery.
    #[serde(default)]
    pub battery: Battery,
    /// The grid, from publishers that measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    /// Photovoltaics, from publishers that measure them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solar: Option<PowerMeter>,
    /// Consumers, from publishers that measure them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<PowerMeter>,
    /// Fields that this version does not know: kept and passed on.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub extra: Map<String, Value>,
}

/// The device's own state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct SystemStatus {
    /// What the battery does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Who decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What is wrong; says why values are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<String>>", optional))]
    pub error_flags: Vec<String>,
    /// Wi-Fi signal, dBm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wifi_strength: Option<f64>,
    /// Since the board's boot, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(as = "Option<f64>", optional))]
    pub uptime_seconds: Option<u64>,
    /// Version of the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware_version: Option<String>,
    /// Processor, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_temperature: Option<f64>,
    /// Whether the board's own supply is too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undervoltage: Option<bool>,
    /// Unknown fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub extra: Map<String, Value>,
}

/// The battery. `current` and `power` are positive while it charges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Battery {
    /// Pack voltage, V. Missing only when a flag says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voltage: Option<f64>,
    /// State of charge, %. Missing only when a flag says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc: Option<f64>,
    /// Current, A.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<f64>,
    /// Power, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
    /// Lower end of the interval that holds the true state of charge in 95 %, %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc_low: Option<f64>,
    /// Upper end of that interval, %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc_high: Option<f64>,
    /// A quarter of the interval's width (one standard deviation), percentage points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc_uncertainty: Option<f64>,
    /// Whether the state of charge has been tied to a full or empty battery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced: Option<bool>,
    /// Since the state of charge was tied to a full or empty battery, h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_since_sync: Option<f64>,
    /// Charge moved in either direction since then, Ah.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ah_since_sync: Option<f64>,
    /// Whether the device lets the battery be charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_allowed: Option<bool>,
    /// Whether the device lets the battery be drawn from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_allowed: Option<bool>,
    /// Cell temperature, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// State of health, %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soh: Option<f64>,
    /// Capacity, kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<f64>,
    /// Energy charged since the installation, kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_in: Option<f64>,
    /// Energy discharged since the installation, kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_out: Option<f64>,
    /// Equivalent full cycles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle_count: Option<f64>,
    /// At the present load, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_empty_s: Option<f64>,
    /// At the present charge, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_full_s: Option<f64>,
    /// Faults of the battery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<String>>", optional))]
    pub faults: Vec<String>,
    /// Warnings of the battery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<String>>", optional))]
    pub warnings: Vec<String>,
    /// Unknown fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub extra: Map<String, Value>,
}

/// The grid. `current` and `power` are positive while energy is imported.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Grid {
    /// V.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voltage: Option<f64>,
    /// A.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<f64>,
    /// W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
    /// Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<f64>,
    /// −1 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_factor: Option<f64>,
    /// kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_import: Option<f64>,
    /// kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_export: Option<f64>,
    /// In the publisher's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub extra: Map<String, Value>,
}

/// A place where only power is measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PowerMeter {
    /// W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
    /// Unknown fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub extra: Map<String, Value>,
}

impl Telemetry {
    /// A sample without values; the caller fills in what is known.
    pub fn new(device_id: DeviceId, timestamp: Timestamp) -> Self {
        Self {
            v: Some(VERSION),
            device_id,
            timestamp,
            boot_id: None,
            seq: None,
            clock: None,
            system_status: None,
            battery: Battery::default(),
            grid: None,
            solar: None,
            load: None,
            extra: Map::new(),
        }
    }

    /// This sample as a typed message.
    ///
    /// Not the generic [`encode`](crate::encode), which is compiled where it is called: on a device, whose program is built
    /// for size, that is a quarter of what a sample costs.
    #[inline(never)]
    pub fn frame(&self) -> String {
        encode_sized(kind::TELEMETRY, self, USUAL_BYTES)
    }

    /// This sample as the bare object of plain mode; see [`Self::frame`].
    #[inline(never)]
    pub fn text(&self) -> String {
        text_of(self, USUAL_BYTES)
    }

    /// Whether voltage or state of charge is missing (a reading that failed).
    pub fn is_gap(&self) -> bool {
        self.battery.voltage.is_none() || self.battery.soc.is_none()
    }
}
