//! A connection from its upgrade to its end, and what that end means for the next attempt.

use std::time::{Duration, Instant};

use ems_protocol::CloseCode;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::failure::Failure;
use super::session::{End, Session};
use super::upgrade::Mode;
use super::wire::Wire;
use super::{PROGRESS_TICK, Uplink, spread};
use crate::sample::Sample;
use crate::status::TurnedAway;
use crate::words::printable;

impl Uplink {
    /// A connection from its upgrade to its end; `None` when the daemon stops.
    pub(super) async fn hold(
        &mut self,
        wire: Wire,
        mode: Mode,
        samples: &mut mpsc::Receiver<Sample>,
    ) -> Option<Failure> {
        let since = Instant::now();
        let (end, window) = self.session(wire, mode, samples).await;
        self.spread = spread::after(&end, window);
        self.backoff.connection_ended(since, Instant::now());
        if since.elapsed() >= PROGRESS_TICK {
            self.failures = 0;
        }
        let (words, failure) = match end {
            End::Stopped => return None,
            End::LeftBehind => {
                ("the network came back without this connection".to_owned(), Failure::LeftBehind)
            }
            End::Silent => ("no frame came for a minute".to_owned(), Failure::Transient),
            End::Broken(why) => (why, Failure::Transient),
            End::Closed(None) => ("the server closed it without a reason".to_owned(), Failure::Transient),
            End::Closed(Some((code, reason))) => self.closed_by_server(code, &reason),
        };
        let kind = if failure == Failure::Refused { "turned away" } else { "ended" };
        self.failed(kind, &format!("the connection to {} ended: {words}", self.dialer.server()));
        Some(failure)
    }

    async fn session(
        &mut self,
        wire: Wire,
        mode: Mode,
        samples: &mut mpsc::Receiver<Sample>,
    ) -> (End, Duration) {
        let Self { context, dialer, backlog, events, answers, report, network, batch_limit, .. } = self;
        let with_spare = dialer.is_swapped();
        context.link.send_modify(|link| link.with_spare = with_spare);
        report.connected(context, dialer.server(), mode);
        let session = Session::new(context, dialer, backlog, events, answers, (wire, mode), *batch_limit);
        let session = session.run(samples, network);
        tokio::pin!(session);
        let mut ticks = interval(PROGRESS_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                end = &mut session => return end,
                _ = ticks.tick() => {
                    report.still_connected(context, dialer.server());
                    report.dropped(context);
                }
            }
        }
    }

    fn closed_by_server(&mut self, code: u16, reason: &str) -> (String, Failure) {
        let reason = match printable(&self.dialer.without_tokens(reason)) {
            reason if reason.trim().is_empty() => String::new(),
            reason => format!(" ({reason})"),
        };
        let known = CloseCode::from_code(code);
        if let Some(
            CloseCode::PolicyViolation | CloseCode::Revoked | CloseCode::Superseded | CloseCode::Conflict,
        ) = known
        {
            self.turned_away(TurnedAway::Closed(code));
        }
        match known {
            Some(CloseCode::TryAgainLater | CloseCode::TooMany) => {
                (format!("the server asks to try again later{reason}"), Failure::Busy(None))
            }
            Some(CloseCode::Revoked) if self.dialer.swap_token() => (
                format!("this token is no longer valid{reason}: the other one is tried"),
                Failure::LeftBehind,
            ),
            Some(CloseCode::PolicyViolation | CloseCode::Revoked) => {
                (format!("the server refuses this device{reason}: check API_TOKEN"), Failure::Refused)
            }
            Some(CloseCode::Superseded) => (
                "another connection with this DEVICE_ID took over: is a second ems-edge running?".to_owned(),
                Failure::Refused,
            ),
            Some(CloseCode::Conflict) => (
                "another device uses this DEVICE_ID: give each device an id and a token of its own"
                    .to_owned(),
                Failure::Refused,
            ),
            Some(CloseCode::MessageTooBig) => {
                self.batch_limit = (self.batch_limit / 2).max(1);
                (format!("a frame was too big; batches now hold {}", self.batch_limit), Failure::Transient)
            }
            Some(_) | None => (format!("closed by the server with {code}{reason}"), Failure::Transient),
        }
    }
}
