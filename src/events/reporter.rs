//! How the stages report to the recorder.

use std::rc::Rc;

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::event::{Event, Incident};
use crate::clock::{BootTime, Clock};

/// A stage's way to the event record. Cheap to clone; never waits.
#[derive(Clone)]
pub struct Reporter {
    reports: mpsc::Sender<Report>,
    clock: Rc<Clock>,
}

/// What the recorder is told or asked.
#[derive(Debug)]
pub(super) enum Report {
    /// To be recorded.
    Incident(BootTime, Incident),
    /// To be shown among the last errors.
    Error(BootTime, &'static str, String),
    /// The last so many events are asked for.
    Recent(usize, oneshot::Sender<Vec<Event>>),
}

/// The recorder's end of a [`channel`].
#[derive(Debug)]
pub struct Reports(pub(super) mpsc::Receiver<Report>);

/// Reports that the recorder has not taken yet. It takes them as they come, so even a burst does not fill this.
const REPORTS: usize = 64;

/// The way from the stages to the recorder; its bound is `REPORTS`.
pub fn channel(clock: Rc<Clock>) -> (Reporter, Reports) {
    let (sender, receiver) = mpsc::channel(REPORTS);
    (Reporter { reports: sender, clock }, Reports(receiver))
}

impl Reporter {
    /// Puts an incident of this moment on record.
    pub fn report(&self, incident: Incident) {
        let code = incident.code;
        if self.reports.try_send(Report::Incident(self.clock.boottime(), incident)).is_err() {
            warn!("the event {code} could not be recorded: the recorder is behind");
        }
    }

    /// Shows an error of `subject` among the last ones, without putting it on record.
    pub fn error(&self, subject: &'static str, words: impl Into<String>) {
        // The next one comes with the next failure: one that is missed here is no loss.
        drop(self.reports.try_send(Report::Error(self.clock.boottime(), subject, words.into())));
    }

    /// The last `limit` events, oldest first; none if the recorder has ended.
    pub async fn recent(&self, limit: usize) -> Vec<Event> {
        let (sender, answer) = oneshot::channel();
        if self.reports.send(Report::Recent(limit, sender)).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }
}
