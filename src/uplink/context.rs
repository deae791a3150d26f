//! What every connection of a run shares.

use tokio::sync::watch;

use crate::clock::Clock;
use crate::health::{LinkState, Progress};
use crate::sample::Identity;
use crate::store::Outbox;

/// The parts of the daemon that the uplink is given.
pub struct Context {
    /// Who publishes.
    pub identity: Identity,
    /// Turns stamps into labels.
    pub clock: Clock,
    /// What measures, for `device.hello`.
    pub sensor: String,
    /// The board, where it is known.
    pub hardware_model: Option<String>,
    /// Tells health that the loop runs.
    pub progress: Progress,
    /// Tells health how the link is. Held by health; one value, the latest.
    pub link: watch::Sender<LinkState>,
}

impl Context {
    /// Tells health how many samples wait.
    pub(super) fn report_backlog(&self, outbox: &Outbox) {
        self.link.send_if_modified(|link| {
            let changed = link.waiting != outbox.len();
            link.waiting = outbox.len();
            changed
        });
    }

    pub(super) fn report_connected(&self, connected: bool) {
        self.link.send_if_modified(|link| std::mem::replace(&mut link.connected, connected) != connected);
    }
}
