//! Watches each stage's progress and speaks to systemd: `READY=1`, `WATCHDOG=1`, `STATUS=`.
//!
//! The watchdog is fed by progress alone, on the monotonic clock: a lost server or sensor is trouble to report, not a
//! reason to restart.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ems_protocol::Severity;
use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error};

use crate::events::{Incident, Reporter, code, message_id};
use crate::sample::{Outcome, Sample};
use crate::status::{BacklogState, LinkState};
use crate::trouble::{News, Trouble};

/// A stage's proof of life.
#[derive(Debug, Clone)]
pub struct Progress(Rc<Cell<Instant>>);

impl Default for Progress {
    fn default() -> Self {
        Self(Rc::new(Cell::new(Instant::now())))
    }
}

impl Progress {
    /// The stage has come round once more.
    pub fn mark(&self) {
        self.0.set(Instant::now());
    }

    fn age(&self) -> Duration {
        self.0.get().elapsed()
    }
}

/// Whether the stages make progress.
#[derive(Debug, Clone)]
pub struct Pulse {
    /// The sampler.
    pub sampler: Progress,
    /// The uplink's loop.
    pub uplink: Progress,
    /// The time between two samples.
    pub sample_interval: Duration,
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
    /// The event record.
    pub reporter: Reporter,
}

/// How often progress is looked at: well under half of the shortest sensible `WatchdogSec`.
const LOOK: Duration = Duration::from_secs(5);
/// A stage that has not come round for this long is stalled.
const STALLED: Duration = Duration::from_secs(20);

impl Pulse {
    /// The stage that makes no progress.
    pub fn stalled(&self) -> Option<&'static str> {
        // A sampler with a long interval comes round only that often.
        let sampler_limit = STALLED.max(self.sample_interval * 2 + LOOK);
        if self.sampler.age() > sampler_limit {
            Some("sampler")
        } else if self.uplink.age() > STALLED {
            Some("uplink")
        } else {
            None
        }
    }
}

impl Health {
    /// Runs for ever.
    pub async fn run(mut self) {
        tell(&[NotifyState::Ready]);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = String::new();
        let mut trouble = Trouble::default();
        loop {
            looks.tick().await;
            let status = self.status();
            if status != said {
                tell(&[NotifyState::Status(&status)]);
                said = status;
            }
            let stalled = self.pulse.stalled();
            if stalled.is_none() {
                tell(&[NotifyState::Watchdog]);
            }
            self.report(stalled, &mut trouble);
        }
    }

    fn report(&self, stalled: Option<&'static str>, trouble: &mut Trouble) {
        let now = tokio::time::Instant::now();
        let Some(stage) = stalled else {
            trouble.works(now);
            return;
        };
        let news = trouble.failed(stage, now);
        if news.is_some() {
            error!(
                message_id = message_id(code::STALLED),
                ems_code = code::STALLED,
                ems_stage = stage,
                "the {stage} has stalled: the watchdog is not fed"
            );
        }
        if let Some(News::Failed | News::FailsOtherwise) = news {
            let message = format!("the {stage} makes no progress");
            self.reporter.report(Incident::new(Severity::Error, code::STALLED, message).with("stage", stage));
        }
    }

    fn status(&mut self) -> String {
        let battery = match *self.sample.borrow_and_update() {
            None => "no sample yet".to_owned(),
            Some(Sample { outcome: Outcome::Gap(flag), .. }) => flag.to_owned(),
            Some(Sample { outcome: Outcome::Measured { reading, estimate, .. }, .. }) => {
                let current = reading.current.map(|a| format!(", {a:.1} A")).unwrap_or_default();
                format!("{:.2} V{current}, SOC {:.0} %", reading.voltage, estimate.soc)
            }
        };
        let connected = self.link.borrow_and_update().is_connected();
        let connection = if connected { "connected" } else { "not connected" };
        let waiting = self.backlog.borrow_and_update().waiting();
        if waiting > 1 {
            format!("{battery}; {connection}; {waiting} samples waiting")
        } else {
            format!("{battery}; {connection}")
        }
    }
}

/// Tells systemd; without systemd (`NOTIFY_SOCKET` is not set) nothing happens.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(state) {
        debug!("systemd cannot be told: {problem}");
    }
}
