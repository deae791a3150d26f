//! One connection, from the upgrade to its end: the select loop that sends, receives, pings and stops.

mod incoming;
mod outgoing;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ems_protocol::limits::{DEAD_PEER_SECONDS, PING_SECONDS};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tracing::debug;

use super::answers::Answers;
use super::context::Context;
use super::dial::Dialer;
use super::event_queue::EventQueue;
use super::network::Network;
use super::upgrade::Mode;
use super::wire::{Event, Wire};
use crate::sample::Sample;
use crate::store::Backlog;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The daemon stops.
    Stopped,
    /// The server closed it, with its code and reason.
    Closed(Option<(u16, String)>),
    /// Nothing came for too long.
    Silent,
    /// The network came back, but not for this connection: what it has sent is still unanswered.
    LeftBehind,
    /// The transport or the protocol broke.
    Broken(String),
}

/// What went out before a Ping.
#[derive(Debug, Clone, Copy)]
enum Sent {
    /// The live sample of this number.
    Live(u64),
    /// The batch that is in flight.
    Batch,
    /// Answers to commands, up to this mark.
    Answers(u64),
}

/// How often pings, deadlines and resends are looked at.
const TICK: Duration = Duration::from_secs(5);
/// How long the server may take for `device.welcome`.
const WELCOME_LIMIT: Duration = Duration::from_secs(15);
/// A batch without an acknowledgement for this long, or a live sample without one, is sent again.
const ACK_LIMIT: Duration = Duration::from_secs(30);
/// How long a stop waits for the confirmation of what has just been sent.
const CONFIRM_LIMIT: Duration = Duration::from_secs(2);
/// Without a frame for this long, though one is due, the connection is under suspicion when the network comes up.
const SUSPICIOUS: Duration = Duration::from_secs(2);
/// How long a connection under suspicion has to show that it lives. TCP may wait minutes before it sends again.
const ALIBI: Duration = Duration::from_millis(600);
/// How long the closing frame may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// A connection at work.
pub(super) struct Session<'a> {
    context: &'a Context,
    /// Knows whom it has reached.
    dialer: &'a Dialer,
    backlog: &'a mut Backlog,
    events: &'a mut EventQueue,
    answers: &'a mut Answers,
    wire: Wire,
    mode: Mode,
    /// The most samples in one batch that this daemon sends.
    batch_limit: usize,
    /// What the server asks for in its welcome: the first attempt after its loss is spread over this time.
    retry_window: Duration,
    /// The most samples in one batch; `None` until the server has said welcome (plain mode: from the start).
    max_batch: Option<usize>,
    /// The next batch leaves no sooner: the backlog must not crowd out the live samples of this or of other devices.
    batch_not_before: Instant,
    /// What each Ping proves when its Pong comes, oldest first.
    barriers: VecDeque<(u64, Sent)>,
    /// Numbers those Pings.
    pings: u64,
    /// When the server last showed that it stores samples, or there was nothing to store.
    last_progress: Instant,
    /// Frames that could not be used, or in which the server complains.
    grumbles: u32,
    last_heard: Instant,
    last_ping: Instant,
    started: Instant,
    /// When the network came up while an answer was overdue: then the next frame has to come soon.
    suspected: Option<Instant>,
    /// Since the sampler has ended: what waits may still be confirmed for a moment.
    stopping: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        context: &'a Context,
        dialer: &'a Dialer,
        backlog: &'a mut Backlog,
        events: &'a mut EventQueue,
        answers: &'a mut Answers,
        (wire, mode): (Wire, Mode),
        batch_limit: usize,
    ) -> Self {
        let now = Instant::now();
        backlog.begin_session();
        events.begin_session();
        answers.begin_session();
        let max_batch = match mode {
            Mode::Plain => Some(batch_limit),
            Mode::Typed => None,
        };
        Self {
            context,
            dialer,
            backlog,
            events,
            answers,
            wire,
            mode,
            batch_limit,
            retry_window: Duration::ZERO,
            max_batch,
            batch_not_before: now,
            barriers: VecDeque::new(),
            pings: 0,
            last_progress: now,
            grumbles: 0,
            last_heard: now,
            last_ping: now,
            started: now,
            suspected: None,
            stopping: None,
        }
    }

    /// Runs until the connection ends. `samples` is the sampler's channel. Also tells over which time the server wants
    /// the first attempt after its loss to be spread.
    pub(super) async fn run(
        mut self,
        samples: &mut mpsc::Receiver<Sample>,
        network: &mut Network,
    ) -> (End, Duration) {
        let end = match self.serve(samples, network).await {
            Ok(end) => end,
            Err(error) => ended_by(error),
        };
        (end, self.retry_window)
    }

    async fn serve(
        &mut self,
        samples: &mut mpsc::Receiver<Sample>,
        network: &mut Network,
    ) -> Result<End, tungstenite::Error> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if self.mode == Mode::Typed {
            self.wire.queue(Message::text(self.hello()))?;
        }
        loop {
            self.context.progress.mark();
            self.send_what_may_go()?;
            if self.stopping.is_some() && self.backlog.is_empty() {
                return self.close().await;
            }
            tokio::select! {
                sample = samples.recv(), if self.stopping.is_none() => match sample {
                    Some(sample) => self.context.take(self.backlog, sample),
                    None => self.stopping = Some(Instant::now()),
                },
                () = patience(self.stopping), if self.stopping.is_some() => return self.close().await,
                () = network.came_up() => self.suspect(),
                () = until(self.suspected.unwrap_or(self.started) + ALIBI), if self.suspected.is_some() => {
                    return Ok(End::LeftBehind);
                }
                () = self.answers.filled() => {}
                () = self.context.positions.filled(), if self.mode == Mode::Typed => {}
                () = self.events.filled(), if self.mode == Mode::Typed => {}
                notices = self.backlog.changed(self.context.clock.boottime()) => self.context.say(notices),
                () = until(self.batch_not_before), if self.batch_not_before > Instant::now() => {}
                event = self.wire.event() => match event? {
                    Event::Flushed => {}
                    Event::Ended => return Ok(End::Closed(None)),
                    Event::Frame(Message::Close(frame)) => {
                        // The answer to it is queued: without it the server waits for its own time limit.
                        drop(timeout(CLOSE_LIMIT, self.wire.flush()).await);
                        return Ok(End::Closed(frame.map(|f| (f.code.into(), f.reason.to_string()))));
                    }
                    Event::Frame(message) => {
                        self.last_heard = Instant::now();
                        self.context.heard.mark();
                        self.suspected = None;
                        self.receive(&message)?;
                    }
                },
                _ = ticks.tick() => {
                    if let Some(end) = self.tick()? {
                        return Ok(end);
                    }
                }
            }
            self.context.report_backlog(self.backlog);
        }
    }

    /// The network came up. Where an answer was overdue already, the packets were lost on the way.
    fn suspect(&mut self) {
        let answer_due = !self.backlog.is_empty() || self.last_ping > self.last_heard;
        if answer_due && self.last_heard.elapsed() >= SUSPICIOUS {
            self.suspected = Some(Instant::now());
        }
    }

    fn tick(&mut self) -> Result<Option<End>, tungstenite::Error> {
        let now = Instant::now();
        self.context.tick(self.backlog);
        if now - self.last_heard >= Duration::from_secs(DEAD_PEER_SECONDS) {
            return Ok(Some(End::Silent));
        }
        if self.max_batch.is_none() && now - self.started >= WELCOME_LIMIT {
            return Ok(Some(End::Broken(
                "the server agreed to ems.v1 but sent no device.welcome".to_owned(),
            )));
        }
        if now - self.last_heard.max(self.last_ping) >= Duration::from_secs(PING_SECONDS) {
            self.last_ping = now;
            // Its Pong may be the only one that a peer sends for several Pings: it stands for the last barrier.
            self.wire.queue(Message::Ping(self.pings.to_be_bytes().to_vec().into()))?;
        }
        if self.backlog.is_empty() {
            self.last_progress = now;
        } else if now - self.last_progress >= ACK_LIMIT && self.max_batch.is_some() {
            debug!("no acknowledgement for {} s: what waits is sent again", ACK_LIMIT.as_secs());
            self.last_progress = now;
            self.barriers.clear();
            self.backlog.begin_session();
            self.answers.begin_session();
        }
        Ok(None)
    }

    async fn close(&mut self) -> Result<End, tungstenite::Error> {
        let frame = CloseFrame { code: WireCloseCode::Away, reason: "the device stops".into() };
        let goodbye = async {
            self.wire.queue(Message::Close(Some(frame)))?;
            self.wire.flush().await
        };
        // A peer that no longer reads must not hold up the stop.
        if let Ok(Err(error)) = timeout(CLOSE_LIMIT, goodbye).await {
            debug!("the connection broke while it was closed: {error}");
        }
        Ok(End::Stopped)
    }
}

/// Ends when a stop has waited long enough.
async fn patience(since: Option<Instant>) {
    if let Some(since) = since {
        sleep_until((since + CONFIRM_LIMIT).into()).await;
    }
}

async fn until(moment: Instant) {
    sleep_until(moment.into()).await;
}

fn ended_by(error: tungstenite::Error) -> End {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => End::Closed(None),
        other => End::Broken(other.to_string()),
    }
}
