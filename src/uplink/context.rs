//! What every connection of a run shares.

use std::rc::Rc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::events::Reporter;
use crate::health::Progress;
use crate::sample::Identity;
use crate::status::{BacklogState, LinkState, Oldest};
use crate::store::Outbox;

/// The parts of the daemon that the uplink is given.
pub struct Context {
    /// Who publishes.
    pub identity: Identity,
    /// Turns stamps into labels.
    pub clock: Rc<Clock>,
    /// What measures, for `device.hello`.
    pub sensor: String,
    /// The board, where it is known.
    pub hardware_model: Option<String>,
    /// Tells health that the loop runs.
    pub progress: Progress,
    /// Tells how the link is: one value, the latest.
    pub link: watch::Sender<LinkState>,
    /// Tells what waits: one value, the latest.
    pub backlog: watch::Sender<BacklogState>,
    /// The event record.
    pub reporter: Reporter,
}

impl Context {
    /// Tells what waits, and what had to go since the last call.
    pub(super) fn report_backlog(&self, outbox: &mut Outbox) {
        let memory = outbox.len() as u64;
        let overflowed = outbox.take_overflowed();
        let oldest = outbox.oldest().map(|sample| Oldest::ThisBoot(sample.taken));
        let room = (outbox.capacity() as u64).saturating_sub(memory);
        self.backlog.send_if_modified(|backlog| {
            let mut dropped = backlog.dropped;
            dropped.memory_full += overflowed;
            let new = BacklogState { memory, room, oldest, dropped, card: None };
            let changed = *backlog != new;
            *backlog = new;
            changed
        });
    }

    /// A sample that the server refuses for good was set aside.
    pub(super) fn report_refused(&self, samples: u64) {
        self.backlog.send_modify(|backlog| backlog.dropped.refused += samples);
    }
}
