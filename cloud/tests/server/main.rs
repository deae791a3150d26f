//! The built server, its real sockets and its real files.
#![cfg(test)]

mod administration;
mod alarms;
mod command_line;
mod dashboard_door;
mod device_door;
mod durability;
mod event_door;
mod fleet_room;
mod history;
mod http;
mod kills;
mod matrix;
mod operation;
mod sessions;
mod slow;
mod support;
mod takeover;
mod uwb;
mod webhooks;
