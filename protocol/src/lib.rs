//! The wire contract between the device, the cloud and the dashboard: types, limits and validation. No I/O.
//!
//! Units are SI and named at each field. `current` and `power` of a battery are positive while it charges.

mod alarm;
mod close;
mod command;
mod device;
mod device_id;
mod error;
mod fleet;
mod frame;
pub mod limits;
mod ranges;
mod telemetry;
mod timestamp;
#[cfg(test)]
mod typescript;
mod uwb;
mod validate;

pub use alarm::{Alarm, AlarmKind, AlarmRule};
pub use close::{CloseCode, retry_window, with_retry_window};
pub use command::{Command, CommandAck, CommandStatus, ReasonCode};
pub use device::{DeviceEvent, Heartbeat, Hello, Severity, TelemetryAck, TelemetryBatch, Welcome};
pub use device_id::{DeviceId, InvalidDeviceId};
pub use error::{ErrorCode, ErrorMessage};
pub use fleet::{FleetRow, Presence, Spark};
pub use frame::{Envelope, SUBPROTOCOL, encode, kind, parse};
pub use ranges::SeqRanges;
pub use telemetry::{
    Battery, ClockQuality, Grid, Mode, PowerMeter, State, SystemStatus, Telemetry, VERSION, flag,
};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use uwb::{Point, UwbDevice, UwbDeviceList, UwbLocation};
