//! The way to the cloud: dial, hold a session, wait, for ever.

mod answers;
mod backoff;
mod connection;
mod context;
mod dial;
mod event_queue;
mod failure;
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

use std::time::Duration;

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
use failure::Failure;
use network::Network;
pub use probe::{Findings, Found, Stage, probe};
pub use proxy::Proxy;
use report::Report;
pub use tls::{TlsFailure, TlsFault, TrustError};
pub use upgrade::Mode;
use wire::Wire;

use crate::words::count;

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
/// How long a stop waits for the card.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);
/// The loop shows health that it lives at least this often, also while it dials or waits.
const PROGRESS_TICK: Duration = Duration::from_secs(5);

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
                let failure = Failure::of_dial(&error);
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
                            sleep(failure::return_jitter(wait)).await;
                        }
                    }
                }
            }
        };
        collect_while(&self.context, &mut self.report, &mut self.backlog, samples, pause).await
    }

    fn turned_away(&self, how: TurnedAway) {
        let now = tokio::time::Instant::now();
        self.context.link.send_modify(|link| link.turned_away = Some((how, now)));
    }

    fn next_wait(&mut self, failure: Failure) -> Duration {
        failure.wait(self.backoff.next_wait(), std::mem::take(&mut self.spread), self.failures)
    }

    fn failed(&mut self, kind: &'static str, words: &str) {
        self.failures = self.failures.saturating_add(1);
        let words = self.dialer.without_tokens(words);
        self.report.failed(&self.context, self.dialer.server(), kind, &words);
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
