//! One connection, from the upgrade to its end: the select loop that sends, receives, pings and stops.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ems_protocol::limits::{DEAD_PEER_SECONDS, MAX_BATCH_SAMPLES, PING_SECONDS};
use ems_protocol::{
    Command, Envelope, ErrorCode, ErrorMessage, Hello, SeqRanges, TelemetryAck, TelemetryBatch, Welcome,
    encode, kind, parse,
};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tracing::{debug, info, warn};

use super::context::Context;
use super::event_queue::EventQueue;
use super::upgrade::Mode;
use super::wire::{Event, Wire};
use crate::command;
use crate::sample::{FIRMWARE_VERSION, Sample};
use crate::store::{Backlog, Batch, Pick};
use crate::words::printable;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The daemon stops.
    Stopped,
    /// The server closed it, with its code and reason.
    Closed(Option<(u16, String)>),
    /// Nothing came for too long.
    Silent,
    /// The transport or the protocol broke.
    Broken(String),
}

/// What went out before a Ping of plain mode.
#[derive(Debug, Clone, Copy)]
enum Sent {
    /// The live sample of this number.
    Live(u64),
    /// The batch that is in flight.
    Batch,
}

/// How often pings, deadlines and resends are looked at.
const TICK: Duration = Duration::from_secs(5);
/// How long the server may take for `device.welcome`.
const WELCOME_LIMIT: Duration = Duration::from_secs(15);
/// A batch without an acknowledgement for this long, or a live sample without one, is sent again.
const ACK_LIMIT: Duration = Duration::from_secs(30);
/// How long a stop waits for the confirmation of what has just been sent.
const CONFIRM_LIMIT: Duration = Duration::from_secs(2);
/// How long the closing frame may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// A connection at work.
pub(super) struct Session<'a> {
    context: &'a Context,
    backlog: &'a mut Backlog,
    events: &'a mut EventQueue,
    wire: Wire,
    mode: Mode,
    /// The most samples in one batch; `None` until the server has said welcome (plain mode: from the start).
    max_batch: Option<usize>,
    /// The next batch leaves no sooner: the backlog must not crowd out the live samples of this or of other devices.
    batch_not_before: Instant,
    /// What each Ping of plain mode proves when its Pong comes, oldest first.
    barriers: VecDeque<(u64, Sent)>,
    /// Numbers the Pings of plain mode.
    pings: u64,
    /// When the server last showed that it stores samples, or there was nothing to store.
    last_progress: Instant,
    /// Frames that could not be used, or in which the server complains.
    grumbles: u32,
    last_heard: Instant,
    last_ping: Instant,
    started: Instant,
    /// Since the sampler has ended: what waits may still be confirmed for a moment.
    stopping: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        context: &'a Context,
        backlog: &'a mut Backlog,
        events: &'a mut EventQueue,
        wire: Wire,
        mode: Mode,
        max_batch: usize,
    ) -> Self {
        let now = Instant::now();
        backlog.begin_session();
        events.begin_session();
        let max_batch = match mode {
            Mode::Plain => Some(max_batch),
            Mode::Typed => None,
        };
        Self {
            context,
            backlog,
            events,
            wire,
            mode,
            max_batch,
            batch_not_before: now,
            barriers: VecDeque::new(),
            pings: 0,
            last_progress: now,
            grumbles: 0,
            last_heard: now,
            last_ping: now,
            started: now,
            stopping: None,
        }
    }

    /// Runs until the connection ends. `samples` is the sampler's channel.
    pub(super) async fn run(mut self, samples: &mut mpsc::Receiver<Sample>, batch_limit: usize) -> End {
        match self.serve(samples, batch_limit).await {
            Ok(end) => end,
            Err(error) => ended_by(error),
        }
    }

    async fn serve(
        &mut self,
        samples: &mut mpsc::Receiver<Sample>,
        batch_limit: usize,
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
                    Some(sample) => self.context.say(self.backlog.push(sample)),
                    None => self.stopping = Some(Instant::now()),
                },
                () = patience(self.stopping), if self.stopping.is_some() => return self.close().await,
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
                        self.receive(&message, batch_limit)?;
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

    fn hello(&self) -> String {
        let hello = Hello {
            boot_id: self.context.identity.boot_id.clone(),
            firmware_version: FIRMWARE_VERSION.to_owned(),
            hardware_model: self.context.hardware_model.clone(),
            sensor: Some(self.context.sensor.clone()),
            actions: command::ACTIONS.iter().map(|&a| a.to_owned()).collect(),
            backlog: self.backlog.state().waiting(),
            boottime_ms: self.context.clock.boottime().0,
        };
        encode(kind::HELLO, &hello)
    }

    /// Live samples as they come; one batch of the backlog at a time, when the wire is free.
    fn send_what_may_go(&mut self) -> Result<(), tungstenite::Error> {
        let Some(max_batch) = self.max_batch else { return Ok(()) };
        while self.wire.is_idle() {
            let may_batch = self.batch_not_before <= Instant::now();
            match self.backlog.pick(if may_batch { max_batch } else { 0 }) {
                None => break,
                Some(Pick::Live(sample)) => self.send_live(sample)?,
                Some(Pick::Backlog(batch)) => {
                    let samples = u32::try_from(batch.samples.len()).unwrap_or(u32::MAX);
                    self.batch_not_before = Instant::now() + self.context.backlog_pace * samples;
                    self.send_batch(&batch)?;
                }
            }
        }
        self.send_event()
    }

    /// One event, when the wire is free: samples come first. The Pong after it proves that it has been read.
    fn send_event(&mut self) -> Result<(), tungstenite::Error> {
        if self.mode == Mode::Typed
            && self.wire.is_idle()
            && let Some((event, barrier)) = self.events.next()
        {
            let event = event.device_event(&self.context.identity.boot_id, &self.context.clock);
            self.wire.queue(Message::text(encode(kind::EVENT, &event)))?;
            self.wire.queue(Message::Ping(barrier.to_vec().into()))?;
        }
        Ok(())
    }

    fn send_live(&mut self, sample: Sample) -> Result<(), tungstenite::Error> {
        let identity = &self.context.identity;
        let label = self.context.clock.label(sample.taken);
        let mut object = sample.telemetry(&identity.device_id, &identity.boot_id, label);
        if let Some(status) = &mut object.system_status {
            self.context.board.borrow_mut().state().fill(status);
        }
        match self.mode {
            Mode::Typed => self.wire.queue(Message::text(encode(kind::TELEMETRY, &object))),
            Mode::Plain => {
                // A reading that failed is a gap, and plain mode has no words for gaps.
                if !sample.is_gap() {
                    self.wire.queue(Message::text(serde_json::to_string(&object).unwrap_or_default()))?;
                }
                self.barrier(Sent::Live(sample.seq))
            }
        }
    }

    fn send_batch(&mut self, batch: &Batch) -> Result<(), tungstenite::Error> {
        let label = |sample: &Sample| match batch.clock {
            None => self.context.clock.label(sample.taken),
            Some(clock) => clock.label(sample.taken),
        };
        let device_id = &self.context.identity.device_id;
        let object = |sample: &Sample| sample.telemetry(device_id, &batch.boot_id, label(sample));
        match self.mode {
            Mode::Typed => {
                let samples = batch.samples.iter().map(object).collect();
                self.wire.queue(Message::text(encode(kind::BATCH, &TelemetryBatch { samples })))
            }
            Mode::Plain => {
                for sample in batch.samples.iter().filter(|s| !s.is_gap()) {
                    self.wire
                        .queue(Message::text(serde_json::to_string(&object(sample)).unwrap_or_default()))?;
                }
                self.barrier(Sent::Batch)
            }
        }
    }

    /// A Ping, whose Pong proves that every frame before it has been read.
    fn barrier(&mut self, sent: Sent) -> Result<(), tungstenite::Error> {
        self.pings += 1;
        self.barriers.push_back((self.pings, sent));
        self.last_ping = Instant::now();
        self.wire.queue(Message::Ping(self.pings.to_be_bytes().to_vec().into()))
    }

    fn receive(&mut self, message: &Message, batch_limit: usize) -> Result<(), tungstenite::Error> {
        match message {
            Message::Text(text) => self.receive_text(text, batch_limit),
            Message::Pong(payload) => {
                self.passed_barrier(payload);
                self.events.passed_barrier(payload);
                Ok(())
            }
            Message::Binary(_) => self.answer_error(&ErrorMessage::new(
                ErrorCode::InvalidJson,
                "this device takes text frames only",
            )),
            Message::Ping(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        }
    }

    /// One Pong may answer several Pings: it then stands for all of them.
    fn passed_barrier(&mut self, payload: &[u8]) {
        let Ok(number) = payload.try_into().map(u64::from_be_bytes) else { return };
        let boot_id = &self.context.identity.boot_id;
        while let Some((_, sent)) = self.barriers.pop_front_if(|(ping, _)| *ping <= number) {
            self.last_progress = Instant::now();
            match sent {
                Sent::Live(seq) => self.backlog.confirm(boot_id, &SeqRanges::from_iter([seq])),
                Sent::Batch => self.backlog.confirm_in_flight(),
            }
        }
    }

    fn receive_text(&mut self, text: &str, batch_limit: usize) -> Result<(), tungstenite::Error> {
        match self.mode {
            Mode::Typed => match Envelope::parse(text) {
                Ok(envelope) => self.receive_typed(&envelope, batch_limit),
                Err(error) => self.answer_error(&error),
            },
            // A server written from the guide sends bare command objects, and whatever else it likes.
            Mode::Plain => match parse::<Command>(text) {
                Ok(command) => self.obey(&command),
                Err(_) => match Envelope::parse(text) {
                    Ok(envelope) if envelope.kind == kind::COMMAND => {
                        self.receive_typed(&envelope, batch_limit)
                    }
                    _ if text.contains("\"action\"") => self.refuse_command(text),
                    _ => {
                        debug!("a frame that is no command is ignored");
                        Ok(())
                    }
                },
            },
        }
    }

    fn receive_typed(
        &mut self,
        envelope: &Envelope<'_>,
        batch_limit: usize,
    ) -> Result<(), tungstenite::Error> {
        match envelope.kind.as_ref() {
            kind::WELCOME => match envelope.payload::<Welcome>() {
                Ok(welcome) => {
                    self.context.clock.server_says(welcome.server_time);
                    self.max_batch = Some(welcome.max_batch.clamp(1, MAX_BATCH_SAMPLES).min(batch_limit));
                    debug!("session {}", welcome.session_id);
                    Ok(())
                }
                Err(error) => self.answer_error(&error),
            },
            kind::ACK => match envelope.payload::<TelemetryAck>() {
                Ok(ack) => {
                    self.acknowledged(&ack);
                    Ok(())
                }
                Err(error) => self.answer_error(&error),
            },
            kind::COMMAND => match envelope.payload::<Command>() {
                Ok(command) => self.obey(&command),
                Err(_) => self.refuse_command(envelope.payload_text()),
            },
            kind::HEARTBEAT => Ok(()),
            kind::ERROR => {
                if let Ok(error) = envelope.payload::<ErrorMessage>() {
                    self.server_objects(&error);
                }
                Ok(())
            }
            other => {
                let message =
                    format!("this device does not know messages of the type {:?}", printable(other));
                self.answer_error(&ErrorMessage::new(ErrorCode::UnknownType, message))
            }
        }
    }

    fn acknowledged(&mut self, ack: &TelemetryAck) {
        self.last_progress = Instant::now();
        self.backlog.confirm(&ack.boot_id, &ack.ranges);
    }

    /// A sample that the server refuses for good must not block the others.
    fn server_objects(&mut self, error: &ErrorMessage) {
        let seq = error.details.get("seq").and_then(serde_json::Value::as_u64);
        let boot_id = error.details.get("boot_id").and_then(serde_json::Value::as_str);
        if let (Some(seq), Some(boot_id), ErrorCode::InvalidMessage) = (seq, boot_id, error.code) {
            self.last_progress = Instant::now();
            self.backlog.refuse(boot_id, seq);
            warn!("the server refuses sample {seq} for good, it is set aside: {}", printable(&error.message));
        } else {
            self.grumble(&format!("the server says: {}", printable(&error.message)));
        }
    }

    fn obey(&mut self, command: &Command) -> Result<(), tungstenite::Error> {
        info!("command {} ({})", printable(&command.action), printable(&command.command_id));
        let ack = command::answer(command, &self.context.identity.device_id, self.context.clock.now());
        self.wire.queue(Message::text(encode(kind::COMMAND_ACK, &ack)))
    }

    fn refuse_command(&mut self, text: &str) -> Result<(), tungstenite::Error> {
        let ack = command::refuse(text, &self.context.identity.device_id, self.context.clock.now());
        self.wire.queue(Message::text(encode(kind::COMMAND_ACK, &ack)))
    }

    fn answer_error(&mut self, error: &ErrorMessage) -> Result<(), tungstenite::Error> {
        self.grumble(&format!("a frame of the server cannot be used: {}", printable(&error.message)));
        self.wire.queue(Message::text(encode(kind::ERROR, error)))
    }

    /// A line about the server's nonsense: the first, and then ever fewer.
    fn grumble(&mut self, words: &str) {
        self.grumbles = self.grumbles.saturating_add(1);
        match self.grumbles {
            1 => warn!("{words}"),
            n if n.is_power_of_two() => warn!("{words} ({n} such frames in this connection)"),
            _ => debug!("{words}"),
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
            // Empty: no barrier of plain mode.
            self.wire.queue(Message::Ping(Vec::new().into()))?;
        }
        if self.backlog.is_empty() {
            self.last_progress = now;
        } else if now - self.last_progress >= ACK_LIMIT && self.max_batch.is_some() {
            debug!("no acknowledgement for {} s: what waits is sent again", ACK_LIMIT.as_secs());
            self.last_progress = now;
            self.barriers.clear();
            self.backlog.begin_session();
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
