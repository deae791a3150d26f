//! The server that devices report to and dashboards watch.
//!
//! ```text
//!  device ──> door::device ──> store (one writer, group commit) ──> SQLite
//!                  │                      │ after the commit
//!                  │                      └──> telemetry.ack
//!                  └──> fleet (who is live, the latest sample) ──> door::dashboard ──> browser
//! ```

pub mod actions;
pub mod alarms;
pub mod app;
pub mod audit;
pub mod auth;
pub mod bell;
pub mod budget;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod contract;
pub mod damage;
pub mod data_dir;
pub mod door;
pub mod drain;
pub mod fleet;
mod heap;
pub mod http;
pub mod limits;
pub mod metrics;
pub mod moderation;
pub mod retry;
pub mod rooms;
pub mod sealer;
pub mod server;
pub mod socket;
pub mod store;
mod sync;
mod systemd;
mod tls;
pub mod uwb;
pub mod webhooks;
