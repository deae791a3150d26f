//! The daemon beside the battery: reads its sensor, streams telemetry to the cloud, takes commands.
//!
//! Data flows one way: sensor → sampler → battery → store → uplink → the wire. `docs/architecture.md` has the picture.

pub mod anchor;
pub mod battery;
pub mod beat;
pub mod board;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod events;
pub mod health;
pub mod journal;
pub mod led;
pub mod outputs;
mod redact;
pub mod sample;
pub mod sampler;
pub mod sensor;
pub mod status;
pub mod store;
pub mod trouble;
pub mod uplink;
pub mod uwb;
pub mod words;
