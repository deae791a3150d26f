//! The task that keeps the record, and the queue of events for the cloud.

use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::event::Event;
use super::record::Record;
use super::reporter::{Report, Reports};
use crate::clock::{BootTime, Clock};
use crate::store::Pen;

/// An error that was seen lately, told once for each row of equal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentError {
    /// What failed: `sensor`, `link`.
    pub subject: &'static str,
    /// Why, in words.
    pub message: String,
    /// When it was seen last.
    pub last: BootTime,
    /// How often in a row.
    pub count: u64,
}

/// Keeps the record. Owned by its task.
pub struct Recorder {
    /// The events that are kept.
    pub record: Record,
    /// Labels the events.
    pub clock: Rc<Clock>,
    /// This boot, as named on the wire.
    pub boot_id: String,
    /// Puts events on the card; `None` without one.
    pub pen: Option<Pen>,
    /// To the uplink, which takes an event when it can send one.
    pub outgoing: mpsc::Sender<Event>,
    /// The last errors, the newest last; watched by the status view.
    pub errors: watch::Sender<VecDeque<RecentError>>,
}

/// Events that wait to be sent; at the bound the oldest go, which the record still has.
const UNSENT: usize = 128;
/// Errors that are shown.
const ERRORS: usize = 10;

impl Recorder {
    /// Runs until every [`super::Reporter`] is gone.
    pub async fn run(mut self, mut reports: Reports) {
        let mut unsent = VecDeque::new();
        let outgoing = self.outgoing.clone();
        loop {
            tokio::select! {
                report = reports.0.recv() => match report {
                    Some(report) => self.take(report, &mut unsent),
                    None => break,
                },
                () = write_down(&mut self.pen) => {}
                permit = outgoing.reserve(), if !unsent.is_empty() => match (permit, unsent.pop_front()) {
                    (Ok(permit), Some(event)) => permit.send(event),
                    // The uplink has ended: nobody will send them.
                    _ => unsent.clear(),
                },
            }
        }
    }

    fn take(&mut self, report: Report, unsent: &mut VecDeque<Event>) {
        match report {
            Report::Incident(at, incident) => {
                let event = Event::new(incident, &self.boot_id, at, &self.clock);
                debug!("event {}: {}", event.code, event.message);
                if unsent.len() == UNSENT {
                    unsent.pop_front();
                }
                if !self.outgoing.is_closed() {
                    unsent.push_back(event.clone());
                }
                let text = self.record.record(event);
                if let Some(pen) = &mut self.pen {
                    pen.take(text);
                }
            }
            Report::Error(at, subject, message) => {
                self.errors.send_modify(|errors| add(errors, at, subject, message));
            }
            Report::Recent(limit, answer) => {
                let known_now = |event: &Event| event.clone().relabelled(&self.boot_id, &self.clock);
                // Who asked may have gone meanwhile.
                drop(answer.send(self.record.recent(limit).map(known_now).collect()));
            }
        }
    }
}

/// Has the events that wait written to the card; never ends when none waits. Cancel-safe.
async fn write_down(pen: &mut Option<Pen>) {
    match pen {
        Some(pen) if pen.is_wet() => pen.flush().await,
        _ => std::future::pending().await,
    }
}

/// An error that repeats the last one of its subject only counts: a day of it must not push the others out.
fn add(errors: &mut VecDeque<RecentError>, last: BootTime, subject: &'static str, message: String) {
    let same = errors.iter().rposition(|error| error.subject == subject && error.message == message);
    let count = same.and_then(|at| errors.remove(at)).map_or(0, |error| error.count) + 1;
    if errors.len() == ERRORS {
        errors.pop_front();
    }
    errors.push_back(RecentError { subject, message, last, count });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemTime;
    use crate::events::{Incident, Reporter, channel};
    use ems_protocol::Severity;

    fn start(bound: usize) -> (Reporter, mpsc::Receiver<Event>, watch::Receiver<VecDeque<RecentError>>) {
        let clock = Rc::new(Clock::new(SystemTime));
        let (reporter, reports) = channel(Rc::clone(&clock));
        let (outgoing, sent) = mpsc::channel(bound);
        let (errors, shown) = watch::channel(VecDeque::new());
        let recorder = Recorder {
            record: Record::default(),
            pen: None,
            clock,
            boot_id: "boot".to_owned(),
            outgoing,
            errors,
        };
        tokio::task::spawn_local(recorder.run(reports));
        (reporter, sent, shown)
    }

    fn incident(number: usize) -> Incident {
        Incident::new(Severity::Info, "X", number.to_string())
    }

    #[tokio::test(flavor = "local")]
    async fn events_wait_for_the_uplink_and_the_oldest_give_way() {
        let (reporter, mut sent, _) = start(1);
        for number in 0..UNSENT + 10 {
            reporter.report(incident(number));
            tokio::task::yield_now().await;
        }
        let mut numbers = Vec::new();
        while numbers.last() != Some(&(UNSENT + 9)) {
            numbers.push(sent.recv().await.unwrap().message.parse::<usize>().unwrap());
        }
        // One was in the channel already.
        assert_eq!(numbers.len(), UNSENT + 1);
        assert_eq!(numbers[1..], (10..UNSENT + 10).collect::<Vec<_>>());
    }

    #[tokio::test(flavor = "local")]
    async fn the_record_is_kept_though_nobody_sends() {
        let (reporter, sent, _) = start(1);
        drop(sent);
        (0..3).for_each(|number| reporter.report(incident(number)));
        let messages: Vec<_> = reporter.recent(2).await.into_iter().map(|event| event.message).collect();
        assert_eq!(messages, ["1", "2"]);
    }

    #[tokio::test(flavor = "local")]
    async fn equal_errors_are_counted_and_ten_are_shown() {
        let (reporter, _sent, shown) = start(1);
        for number in 0..15 {
            reporter.error("link", number.to_string());
            tokio::task::yield_now().await;
        }
        for _ in 0..7 {
            reporter.error("sensor", "gone");
            reporter.error("link", "14");
            tokio::task::yield_now().await;
        }
        reporter.recent(0).await;
        let errors: Vec<_> = shown.borrow().iter().map(|e| (e.message.clone(), e.count)).collect();
        assert_eq!(errors.len(), ERRORS);
        assert_eq!(errors[ERRORS - 2..], [("gone".to_owned(), 7), ("14".to_owned(), 8)]);
    }
}
