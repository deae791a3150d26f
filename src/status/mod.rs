//! What a technician sees of a running daemon: a [`Snapshot`], served over a local socket.
//!
//! The stages tell how they are in small watched values (`stage.rs`); nothing here can hold them up.

mod collect;
mod door;
mod find;
mod message;
mod problems;
mod server;
mod snapshot;
mod stage;

pub use collect::{Facts, Stages};
pub use door::{Door, DoorError, GROUP};
pub use find::{AskError, OrderError, ask, order, running_below, socket_in, sockets_below};
pub use message::{Answer, Order, Request, VERSION};
pub use server::Server;
pub use snapshot::*;
pub use stage::{BacklogState, CardState, LinkPhase, LinkState, Oldest, SensorState};

#[cfg(test)]
pub(crate) use problems::tests::well as a_daemon_that_is_well;
