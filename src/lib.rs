//! The daemon beside the battery: reads its sensor, streams telemetry to the cloud, takes commands.

pub mod battery;
pub mod config;
pub mod sensor;
