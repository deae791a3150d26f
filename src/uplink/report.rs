//! What the uplink tells of the link: to the log, to the event record, to the status view.

use std::time::Duration;

use ems_protocol::Severity;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::context::Context;
use super::upgrade::Mode;
use crate::events::{Incident, code, message_id};
use crate::status::LinkPhase;
use crate::trouble::{News, Trouble};
use crate::words::{count, span};

/// What has been told so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    trouble: Trouble,
    /// The last words about a failure, for summaries.
    last_error: String,
    /// Lost samples that are known, and those that were told.
    dropped: u64,
    told_dropped: u64,
    dropping: Trouble,
    last_drop: Option<Instant>,
}

/// Drops that are further apart than this do not belong together.
const DROPS_END: Duration = Duration::from_mins(10);

impl Report {
    /// An attempt begins.
    pub(super) fn dialling(context: &Context) {
        context.link.send_modify(|link| link.turn(LinkPhase::Dialling, Instant::now()));
    }

    /// A connection stands.
    pub(super) fn connected(&mut self, context: &Context, server: &str, mode: Mode) {
        let now = Instant::now();
        context.link.send_modify(|link| link.turn(LinkPhase::Connected(mode), now));
        self.still_connected(context, server);
    }

    /// It still stands. To be called now and then while it does.
    pub(super) fn still_connected(&mut self, context: &Context, server: &str) {
        let now = Instant::now();
        let LinkPhase::Connected(mode) = context.link.borrow().phase else { return };
        match self.trouble.works(now) {
            Some(News::Works) => {
                let line = format!("connected to {server}: {}, {}", words_of(mode), waiting(context));
                info!(
                    message_id = message_id(code::CONNECTED),
                    ems_code = code::CONNECTED,
                    ems_link = server,
                    "{line}"
                );
                context.reporter.report(Incident::new(Severity::Info, code::CONNECTED, line));
            }
            Some(News::Unsteady(changes)) => self.unsteady(context, server, changes),
            _ => {}
        }
    }

    /// An attempt failed, or a connection ended; `kind` names the sort of failure.
    pub(super) fn failed(&mut self, context: &Context, server: &str, kind: &'static str, words: &str) {
        let now = Instant::now();
        words.clone_into(&mut self.last_error);
        context.link.send_modify(|link| link.last_error = Some(words.to_owned()));
        context.reporter.error("link", words);
        let news = self.trouble.failed(kind, now);
        match news {
            Some(News::Failed | News::FailsOtherwise) => {
                warn!(
                    message_id = message_id(code::DISCONNECTED),
                    ems_code = code::DISCONNECTED,
                    ems_link = server,
                    ems_kind = kind,
                    "{words}; {}",
                    waiting(context)
                );
                let incident = Incident::new(Severity::Warning, code::DISCONNECTED, words);
                context.reporter.report(incident);
            }
            Some(News::Unsteady(changes)) => self.unsteady(context, server, changes),
            Some(_) => {
                let lost = span(self.trouble.held(now));
                let attempts = count(u64::from(context.link.borrow().attempts), "attempt");
                warn!(
                    message_id = message_id(code::DISCONNECTED),
                    ems_code = code::DISCONNECTED,
                    ems_link = server,
                    ems_kind = kind,
                    "{words}; not connected for {lost}, {attempts}, {}",
                    waiting(context)
                );
            }
            None => debug!("{words}"),
        }
    }

    /// The next attempt comes after `wait`.
    pub(super) fn waits(context: &Context, wait: Duration, refused: bool) {
        let now = Instant::now();
        let until = now + wait;
        let phase = if refused { LinkPhase::Refused(until) } else { LinkPhase::Waiting(until) };
        context.link.send_modify(|link| link.turn(phase, now));
    }

    /// To be called now and then: samples may have been lost.
    pub(super) fn dropped(&mut self, context: &Context) {
        let now = Instant::now();
        let dropped = context.backlog.borrow().dropped;
        if dropped.total() == self.dropped {
            if self.last_drop.is_some_and(|last| now - last > DROPS_END) {
                self.dropping.works(now);
            }
            return;
        }
        self.dropped = dropped.total();
        self.last_drop = Some(now);
        let Some(news) = self.dropping.failed("dropped", now) else { return };
        let more = self.dropped - std::mem::replace(&mut self.told_dropped, self.dropped);
        let reasons: Vec<_> =
            dropped.by_reason().into_iter().map(|(why, samples)| format!("{samples}: {why}")).collect();
        let words =
            format!("{} lost since the start ({})", count(dropped.total(), "sample"), reasons.join(", "));
        // Summaries are in the lines about the link.
        if news == News::Failed {
            warn!(
                message_id = message_id(code::SAMPLES_DROPPED),
                ems_code = code::SAMPLES_DROPPED,
                ems_samples = more,
                "{words}"
            );
        }
        let incident = Incident::new(Severity::Warning, code::SAMPLES_DROPPED, words);
        let details = [
            ("memory_full", dropped.memory_full),
            ("card_full", dropped.card_full),
            ("too_old", dropped.too_old),
            ("refused", dropped.refused),
        ];
        context
            .reporter
            .report(details.into_iter().fold(incident.with("samples", more), |i, (k, v)| i.with(k, v)));
    }

    fn unsteady(&self, context: &Context, server: &str, changes: u32) {
        let now = if context.link.borrow().is_connected() { "connected" } else { "not connected" };
        let words = format!(
            "the connection to {server} is unsteady: it came or went {changes} times more, now it is {now} (last trouble: {})",
            self.last_error
        );
        warn!(
            message_id = message_id(code::LINK_UNSTEADY),
            ems_code = code::LINK_UNSTEADY,
            ems_link = server,
            "{words}; {}",
            waiting(context)
        );
        let incident = Incident::new(Severity::Warning, code::LINK_UNSTEADY, words);
        context.reporter.report(incident.with("changes", changes));
    }
}

fn words_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Typed => "acknowledged samples (ems.v1)",
        Mode::Plain => "plain telemetry",
    }
}

fn waiting(context: &Context) -> String {
    let backlog = context.backlog.borrow();
    let waiting = format!("{} waiting", count(backlog.waiting(), "sample"));
    match backlog.dropped.total() {
        0 => waiting,
        lost => format!("{waiting}, {lost} lost"),
    }
}
