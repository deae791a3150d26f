//! Watches each stage's progress and speaks to systemd: `READY=1`, `WATCHDOG=1`, `STATUS=`.

mod progress;
mod status_line;
mod watchdog;

use std::rc::Rc;
use std::time::Duration;

use ems_protocol::Severity;
use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

pub use progress::{Progress, Work};
pub use watchdog::Watchdog;

use crate::events::{Incident, Reporter, code};
use crate::sample::Sample;
use crate::status::{BacklogState, LinkState, Stages};
use crate::trouble::{News, Trouble};

/// Whether the parts make progress.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// The event loop, on which all stages run.
    pub executor: Progress,
    /// The sampler.
    pub sampler: Progress,
    /// The uplink's loop.
    pub uplink: Progress,
    /// The thread that owns the card.
    pub store: Work,
    /// The thread that owns the sensor.
    pub bus: Work,
}

/// What is watched.
pub struct Health {
    /// The stages.
    pub pulse: Pulse,
    /// The latest sample; its sender is the sampler.
    pub sample: watch::Receiver<Option<Sample>>,
    /// The link; its sender is the uplink.
    pub link: watch::Receiver<LinkState>,
    /// What waits; its sender is the uplink.
    pub backlog: watch::Receiver<BacklogState>,
    /// All of it, for the trouble.
    pub stages: Rc<Stages>,
    /// The event record.
    pub reporter: Reporter,
}

/// How often the event loop shows that it lives, at least.
const BEAT: Duration = Duration::from_secs(2);
/// How often the status line is written anew, unless the sensor or the link come or go.
const STATUS: Duration = Duration::from_secs(5);
/// And how often then, at most.
const CHANGE: Duration = Duration::from_millis(500);
/// A stage that has not come round for this long is stalled.
const STALLED: Duration = Duration::from_secs(20);

impl Pulse {
    /// The parts that must make progress: all but the bus, which has a rule of its own.
    pub(crate) const PARTS: usize = 4;

    /// The part that makes no progress.
    pub fn stalled(&self) -> Option<&'static str> {
        let loops = [("sampler", &self.sampler), ("uplink", &self.uplink)];
        let stalled = loops.into_iter().find(|(_, progress)| progress.age() > STALLED).map(|(name, _)| name);
        stalled.or_else(|| self.store.under_way().is_some_and(|lasts| lasts > STALLED).then_some("store"))
    }

    /// How often each has come round.
    pub(crate) fn counts(&self) -> [u64; Self::PARTS] {
        [self.executor.count(), self.sampler.count(), self.uplink.count(), self.store.count()]
    }

    /// The first part that stood still between `before` and `now`. Without the event loop no other can go on.
    pub(crate) fn without_progress(
        &self,
        before: &[u64; Self::PARTS],
        now: &[u64; Self::PARTS],
    ) -> Option<&'static str> {
        let names = ["event loop", "sampler", "uplink", "store"];
        let idle = [false, false, false, self.store.under_way().is_none()];
        let parts = names.into_iter().zip(idle).zip(before.iter().zip(now));
        parts.into_iter().find(|((_, idle), (before, now))| !idle && before == now).map(|((name, _), _)| name)
    }
}

impl Health {
    /// Runs for ever.
    pub async fn run(mut self) {
        let mut ready = false;
        let mut said_at = None;
        let mut shown = (false, false);
        let mut said = String::new();
        let mut trouble = Trouble::default();
        loop {
            self.pulse.executor.mark();
            if !ready && self.loops_run() {
                ready = true;
                tell(&[NotifyState::Ready]);
            }
            let (state, now) = (self.state(), Instant::now());
            let pause = if state == shown { STATUS } else { CHANGE };
            if said_at.is_none_or(|at| now >= at + pause) {
                (shown, said_at) = (state, Some(now));
                let status = self.status();
                if status != said {
                    tell(&[NotifyState::Status(&status)]);
                    said = status;
                }
                self.report(self.pulse.stalled(), &mut trouble);
            }
            self.next_sample().await;
        }
    }

    /// Waits for a sample, or without one for [`BEAT`]: while they come, no timer of this loop wakes the event loop.
    async fn next_sample(&mut self) {
        if let Ok(Err(_)) = timeout(BEAT, self.sample.changed()).await {
            // There is no sampler any more: the daemon stops.
            sleep(BEAT).await;
        }
    }

    /// Each has come round; neither sensor nor server need to answer for that.
    fn loops_run(&self) -> bool {
        self.pulse.sampler.count() > 0 && self.pulse.uplink.count() > 0
    }

    fn report(&self, stalled: Option<&'static str>, trouble: &mut Trouble) {
        let now = Instant::now();
        let Some(stage) = stalled else {
            trouble.works(now);
            return;
        };
        if let Some(News::Failed | News::FailsOtherwise) = trouble.failed(stage, now) {
            let message = format!("the {stage} makes no progress");
            self.reporter.report(Incident::new(Severity::Error, code::STALLED, message).with("stage", stage));
        }
    }

    /// What is shown at once when it changes: whether there are readings, and a connection.
    fn state(&self) -> (bool, bool) {
        let reads = self.sample.borrow().is_some_and(|sample| !sample.is_gap());
        (reads, self.link.borrow().is_connected())
    }

    fn status(&mut self) -> String {
        let connected = self.link.borrow_and_update().is_connected();
        let waiting = self.backlog.borrow_and_update().waiting();
        let sample = *self.sample.borrow_and_update();
        status_line::of(sample.as_ref(), &self.stages.snapshot(), connected, waiting)
    }
}

/// Tells systemd why the daemon ends; `errno` is of errno(3).
pub fn tell_failure(why: &str, errno: u32) {
    tell(&[NotifyState::Status(&status_line::one_line(why)), NotifyState::Errno(errno)]);
}

/// Tells systemd that the daemon ends because it was told to.
pub fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells systemd; without systemd (`NOTIFY_SOCKET` is not set) nothing happens.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(state) {
        debug!("systemd cannot be told: {problem}");
    }
}
