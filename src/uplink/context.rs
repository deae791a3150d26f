//! What every connection of a run shares.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ems_protocol::ClockQuality;
use tokio::sync::watch;

use crate::board::Board;
use crate::clock::Clock;
use crate::command::Commands;
use crate::events::Reporter;
use crate::health::Progress;
use crate::sample::{Identity, Sample};
use crate::status::{BacklogState, LinkState};
use crate::store::{Backlog, BootClock, Notice};
use crate::uwb::Positions;

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
    /// Marked with each frame of the server.
    pub heard: Progress,
    /// Tells how the link is: one value, the latest.
    pub link: watch::Sender<LinkState>,
    /// Tells what waits: one value, the latest.
    pub backlog: watch::Sender<BacklogState>,
    /// The event record.
    pub reporter: Reporter,
    /// The least time that each sample of the backlog takes on the wire.
    pub backlog_pace: Duration,
    /// Takes commands.
    pub commands: Commands,
    /// The board, whose state goes with live samples.
    pub board: RefCell<Board>,
    /// Where UWB tags are.
    pub positions: Rc<Positions>,
    /// When the right time was last remembered.
    pub remembered: Cell<Option<Instant>>,
}

/// How often the right time is remembered, so that a boot without a clock begins near it.
const REMEMBER: Duration = Duration::from_secs(6 * 3600);

impl Context {
    /// Tells what waits, and what had to go.
    pub(super) fn report_backlog(&self, backlog: &Backlog) {
        let new = backlog.state();
        self.backlog.send_if_modified(|old| {
            let changed = *old != new;
            *old = new;
            changed
        });
    }

    /// A new sample; those that have waited too long go to the card.
    pub(super) fn take(&self, backlog: &mut Backlog, sample: Sample) {
        self.say(backlog.push(sample));
        self.tick(backlog);
    }

    /// To be called every few seconds.
    pub(super) fn tick(&self, backlog: &mut Backlog) {
        backlog.tick(self.clock.boottime(), self.boot_clock());
        if self.remembered.get().is_some_and(|at| at.elapsed() < REMEMBER) {
            return;
        }
        let (now, quality) = self.clock.label(self.clock.boottime());
        if matches!(quality, ClockQuality::Synced | ClockQuality::Server) {
            self.remembered.set(Some(Instant::now()));
            backlog.remember_time(now.millis());
        }
    }

    /// What this boot's clock is worth now.
    pub(super) fn boot_clock(&self) -> BootClock {
        BootClock::of(&self.clock)
    }

    /// Says what happened to the store.
    pub(super) fn say(&self, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            notice.say(&self.reporter);
        }
    }
}
