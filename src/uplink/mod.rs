//! The way to the cloud: dial, hold a session, wait, for ever.

mod answers;
mod backoff;
mod context;
mod dial;
mod event_queue;
mod network;
mod probe;
mod proxy;
mod report;
mod session;
mod spread;
mod tls;
mod unread;
mod upgrade;
mod wire;

use std::time::{Duration, Instant};

use ems_protocol::CloseCode;
use ems_protocol::limits::MAX_BATCH_SAMPLES;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, info, warn};

use crate::command::Answer;
use crate::events::Event;
use crate::sample::Sample;
use crate::status::{LinkPhase, TurnedAway};
use crate::store::{Backlog, Keeping};
use answers::Answers;
use backoff::Backoff;
pub use context::Context;
pub use dial::{DialError, Dialer};
use event_queue::EventQueue;
use network::Network;
pub use probe::{Findings, Found, Stage, probe};
pub use proxy::Proxy;
use report::Report;
use session::{End, Session};
pub use tls::{TlsFailure, TlsFault, TrustError};
pub use upgrade::Mode;
use wire::Wire;

use crate::words::{count, printable};

/// The uplink of one daemon.
pub struct Uplink {
    context: Context,
    dialer: Dialer,
    backlog: Backlog,
    events: EventQueue,
    answers: Answers,
    report: Report,
    backoff: Backoff,
    /// The most samples in a batch: halved each time the server finds a frame too big.
    batch_limit: usize,
    /// Over this time the next attempt is spread, as the server wishes whose connection has just ended.
    spread: Duration,
    /// Failures since the last stable connection.
    failures: u32,
    /// Cuts a wait short.
    network: Network,
}

/// What a new configuration means for the uplink.
#[derive(Debug)]
pub struct Change {
    /// Whom to call.
    pub dialer: Dialer,
    /// What measures, for `device.hello`.
    pub sensor: String,
    /// The least time that each sample of the backlog takes on the wire.
    pub backlog_pace: Duration,
    /// How the backlog is kept.
    pub keeping: Keeping,
}

/// Samples in a batch, until a server finds it too big.
const FIRST_BATCH: usize = MAX_BATCH_SAMPLES / 4;
/// The first wait after a refusal, which only a person can mend; doubled at each refusal up to [`REFUSED_CAP`].
const REFUSED_FLOOR: Duration = Duration::from_secs(60);
const REFUSED_CAP: Duration = Duration::from_secs(15 * 60);
/// The longest wait that a server may ask for with `Retry-After`.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(15 * 60);
/// What is added to the wait after "try again later".
const BUSY_FLOOR: Duration = Duration::from_secs(5);
/// The longest pause after the network came up.
const RETURN_JITTER: Duration = Duration::from_millis(400);
/// How long a stop waits for the card.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);
/// The loop shows health that it lives at least this often, also while it dials or waits.
const PROGRESS_TICK: Duration = Duration::from_secs(5);

/// How an attempt or a connection ended: what decides the next wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// Of the network or the server's programs: the usual backoff.
    Transient,
    /// The network is back, and only the old connection does not know.
    LeftBehind,
    /// The server asks for time.
    Busy(Option<Duration>),
    /// Nobody but a person can mend it.
    Refused,
}

impl Uplink {
    /// An uplink that calls with `dialer`, keeps unconfirmed samples in `backlog`, sends what comes from `events` where
    /// the server takes events, and what comes from `answers` always.
    pub fn new(
        context: Context,
        dialer: Dialer,
        backlog: Backlog,
        events: mpsc::Receiver<Event>,
        answers: mpsc::Receiver<Answer>,
    ) -> Self {
        Self {
            context,
            dialer,
            backlog,
            events: EventQueue::new(events),
            answers: Answers::new(answers),
            report: Report::default(),
            backoff: Backoff::default(),
            batch_limit: FIRST_BATCH,
            spread: Duration::ZERO,
            failures: 0,
            network: Network::watch(),
        }
    }

    /// Runs until the sampler's end of `samples` is dropped. What comes from `changes` is taken at once: a connection
    /// that stands is given up for it, and what was unconfirmed on it is sent over the next.
    pub async fn run(mut self, mut samples: mpsc::Receiver<Sample>, mut changes: mpsc::Receiver<Change>) {
        loop {
            tokio::select! {
                biased;
                Some(change) = changes.recv() => self.take(change),
                round = self.round(&mut samples) => if round.is_none() {
                    break;
                },
            }
        }
        self.put_away().await;
    }

    /// An attempt, its connection, and the wait after it; `None` when the daemon stops meanwhile. Cancel-safe.
    async fn round(&mut self, samples: &mut mpsc::Receiver<Sample>) -> Option<()> {
        Report::dialling(&self.context);
        let failure = match self.dial(samples).await? {
            Err(error) => {
                if let DialError::Refused(status) = error {
                    if self.dialer.swap_token() {
                        info!(
                            "the server refuses the token that the cloud has set: the one before it is tried"
                        );
                        return Some(());
                    }
                    self.turned_away(TurnedAway::Http(status));
                }
                let failure = of_dial(&error);
                self.failed(error.kind(), &error.to_string());
                failure
            }
            Ok((wire, mode)) => self.hold(wire, mode, samples).await?,
        };
        let wait = self.next_wait(failure);
        debug!("next attempt in {wait:.1?}");
        Report::waits(&self.context, wait, failure == Failure::Refused);
        self.wait(wait, failure, samples).await
    }

    fn take(&mut self, change: Change) {
        self.dialer = change.dialer;
        self.context.sensor = change.sensor;
        self.context.backlog_pace = change.backlog_pace;
        self.backlog.keep_as(&change.keeping);
        // What was learnt of the old server says nothing of the new one.
        self.backoff = Backoff::default();
        self.failures = 0;
        self.batch_limit = FIRST_BATCH;
        let now = tokio::time::Instant::now();
        self.context.link.send_modify(|link| {
            link.turn(LinkPhase::Dialling, now);
            (link.accepted, link.turned_away) = (false, None);
        });
    }

    /// What is still unconfirmed goes to the card.
    async fn put_away(mut self) {
        let clock = self.context.boot_clock();
        if timeout(CLOSE_LIMIT, self.backlog.close(clock)).await.is_err() {
            warn!("the card took longer than {} s: the stop does not wait for it", CLOSE_LIMIT.as_secs());
        }
        let state = self.backlog.state();
        let kept = state.card.as_ref().map_or(0, |card| card.samples);
        if state.memory > 0 {
            warn!("{} could not be stored before the stop", count(state.memory, "sample"));
        }
        if kept > 0 {
            info!("{} wait on the card for the next start", count(kept, "sample"));
        }
    }

    /// One attempt; `None` when the daemon stops meanwhile.
    async fn dial(
        &mut self,
        samples: &mut mpsc::Receiver<Sample>,
    ) -> Option<Result<(Wire, Mode), DialError>> {
        let Self { context, dialer, backlog, report, network, .. } = self;
        let attempt = async {
            tokio::select! {
                dialed = dialer.dial() => dialed,
                // What this attempt has sent may be lost: TCP would take seconds to send it again.
                () = network.came_up() => dialer.dial().await,
            }
        };
        collect_while(context, report, backlog, samples, attempt).await
    }

    /// A pause; `None` when the daemon stops meanwhile.
    ///
    /// The network coming back ends it, unless the server itself has asked for it.
    async fn wait(
        &mut self,
        wait: Duration,
        failure: Failure,
        samples: &mut mpsc::Receiver<Sample>,
    ) -> Option<()> {
        let network = &mut self.network;
        let pause = async {
            match failure {
                Failure::Busy(_) | Failure::Refused | Failure::LeftBehind => sleep(wait).await,
                Failure::Transient => {
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = network.came_up() => {
                            debug!("the network came up: dialling at once");
                            // A street of devices that a power cut has silenced comes back in the same second.
                            sleep(return_jitter(wait)).await;
                        }
                    }
                }
            }
        };
        collect_while(&self.context, &mut self.report, &mut self.backlog, samples, pause).await
    }

    /// A connection from its upgrade to its end; `None` when the daemon stops.
    async fn hold(
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
        let session = Session::new(context, backlog, events, answers, wire, mode, *batch_limit);
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
        let reason = printable(reason);
        let known = CloseCode::from_code(code);
        if let Some(
            CloseCode::PolicyViolation | CloseCode::Revoked | CloseCode::Superseded | CloseCode::Conflict,
        ) = known
        {
            self.turned_away(TurnedAway::Closed(code));
        }
        match known {
            Some(CloseCode::TryAgainLater | CloseCode::TooMany) => {
                (format!("the server asks to try again later ({reason})"), Failure::Busy(None))
            }
            Some(CloseCode::Revoked) if self.dialer.swap_token() => (
                format!("this token is no longer valid ({reason}): the other one is tried"),
                Failure::LeftBehind,
            ),
            Some(CloseCode::PolicyViolation | CloseCode::Revoked) => {
                (format!("the server refuses this device ({reason}): check API_TOKEN"), Failure::Refused)
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
            Some(_) | None => (format!("closed by the server with {code} {reason}"), Failure::Transient),
        }
    }

    fn turned_away(&self, how: TurnedAway) {
        let now = tokio::time::Instant::now();
        self.context.link.send_modify(|link| link.turned_away = Some((how, now)));
    }

    fn next_wait(&mut self, failure: Failure) -> Duration {
        let usual = self.backoff.next_wait();
        let window = std::mem::take(&mut self.spread);
        match failure {
            Failure::Transient => usual + part_of(window, usual),
            Failure::LeftBehind => return_jitter(usual),
            Failure::Busy(None) => BUSY_FLOOR + usual + part_of(window, usual),
            // Jitter on top: everybody was told the same number.
            Failure::Busy(Some(wait)) => wait.min(RETRY_AFTER_CAP) + usual.min(BUSY_FLOOR),
            Failure::Refused => REFUSED_FLOOR
                .saturating_mul(1 << self.failures.saturating_sub(1).min(4))
                .clamp(REFUSED_FLOOR, REFUSED_CAP)
                .saturating_add(usual),
        }
    }

    fn failed(&mut self, kind: &'static str, words: &str) {
        self.failures = self.failures.saturating_add(1);
        self.report.failed(&self.context, self.dialer.server(), kind, words);
    }
}

/// Runs `work` while samples go on being collected; `None` when the sampler has gone.
async fn collect_while<T>(
    context: &Context,
    report: &mut Report,
    backlog: &mut Backlog,
    samples: &mut mpsc::Receiver<Sample>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(work);
    let mut ticks = interval(PROGRESS_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            sample = samples.recv() => context.take(backlog, sample?),
            notices = backlog.changed(context.clock.boottime()) => context.say(notices),
            _ = ticks.tick() => context.tick(backlog),
        }
        context.progress.mark();
        context.report_backlog(backlog);
        report.dropped(context);
    }
}

/// A pause up to [`RETURN_JITTER`].
fn return_jitter(wait: Duration) -> Duration {
    part_of(RETURN_JITTER, wait)
}

/// A random part of `span`: `wait` was drawn at random, so its finest digits are random too.
fn part_of(span: Duration, wait: Duration) -> Duration {
    span.mul_f64(f64::from(wait.subsec_nanos() % 1_000_000) / 1e6)
}

fn of_dial(error: &DialError) -> Failure {
    match error {
        DialError::Refused(_) => Failure::Refused,
        DialError::Unavailable(_, retry_after) => Failure::Busy(*retry_after),
        DialError::Dns(..)
        | DialError::Connect(..)
        | DialError::Proxy(..)
        | DialError::Tls(..)
        | DialError::Upgrade(_)
        | DialError::NotWebSocket(_) => Failure::Transient,
    }
}
