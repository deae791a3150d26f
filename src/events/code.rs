//! The stable names of events. A name is never given another meaning: programs read them.

/// The daemon has started.
pub const STARTED: &str = "DAEMON_STARTED";
/// The daemon was told to stop.
pub const STOPPED: &str = "DAEMON_STOPPED";
/// The last run ended without a stop, and this boot is another: the power failed, or the system crashed.
pub const POWER_LOST: &str = "POWER_LOST";
/// The last run ended without a stop within this boot: the daemon was killed or crashed.
pub const CRASHED: &str = "DAEMON_CRASHED";
/// The sensor gives no readings.
pub const SENSOR_LOST: &str = "SENSOR_LOST";
/// The sensor gives readings again.
pub const SENSOR_RECOVERED: &str = "SENSOR_RECOVERED";
/// The sensor comes and goes.
pub const SENSOR_UNSTEADY: &str = "SENSOR_UNSTEADY";
/// A connection to the cloud stands.
pub const CONNECTED: &str = "LINK_CONNECTED";
/// There is no connection to the cloud.
pub const DISCONNECTED: &str = "LINK_DISCONNECTED";
/// The connection to the cloud comes and goes.
pub const LINK_UNSTEADY: &str = "LINK_UNSTEADY";
/// The wall clock was stepped.
pub const CLOCK_STEPPED: &str = "CLOCK_STEPPED";
/// Samples went before they were delivered. `details.reason` says why, `details.samples` how many.
pub const SAMPLES_DROPPED: &str = "SAMPLES_DROPPED";
/// A part of the daemon no longer makes progress.
pub const STALLED: &str = "DAEMON_STALLED";
/// The cloud has changed settings, or a change was taken back.
pub const CONFIG_CHANGED: &str = "CONFIG_CHANGED";
/// The cloud has replaced the token.
pub const TOKEN_ROTATED: &str = "TOKEN_ROTATED";
/// An output was switched.
pub const OUTPUT_CHANGED: &str = "OUTPUT_CHANGED";
/// An output cannot be driven, or does not follow.
pub const OUTPUT_FAULT: &str = "OUTPUT_FAULT";
/// An operator, or a silent server, has changed the mode.
pub const MODE_CHANGED: &str = "MODE_CHANGED";
/// An operator has reset an error.
pub const ERROR_RESET: &str = "ERROR_RESET";
