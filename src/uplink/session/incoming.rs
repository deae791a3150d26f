//! What the server says: acknowledgements, commands, complaints, and whatever else a server written from the guide
//! may send.

use std::time::{Duration, Instant};

use ems_protocol::limits::MAX_BATCH_SAMPLES;
use ems_protocol::{
    Command, Envelope, ErrorCode, ErrorMessage, TelemetryAck, Timestamp, Welcome, encode, kind, parse,
};
use tokio_tungstenite::tungstenite::{self, Message};
use tracing::{debug, warn};

use super::Session;
use crate::command;
use crate::uplink::upgrade::Mode;
use crate::words::printable;

impl Session<'_> {
    pub(super) fn receive(&mut self, message: &Message) -> Result<(), tungstenite::Error> {
        match message {
            Message::Text(text) => self.receive_text(text),
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

    fn receive_text(&mut self, text: &str) -> Result<(), tungstenite::Error> {
        match self.mode {
            Mode::Typed => match Envelope::parse(text) {
                Ok(envelope) => self.receive_typed(&envelope),
                Err(error) => self.answer_error(&error),
            },
            // A server written from the guide sends bare command objects, and whatever else it likes.
            Mode::Plain => match parse::<Command>(text) {
                Ok(command) => self.obey(command),
                Err(_) => match Envelope::parse(text) {
                    Ok(envelope) if envelope.kind == kind::COMMAND => self.receive_typed(&envelope),
                    _ if text.contains("\"action\"") => self.refuse_command(text),
                    _ => {
                        debug!("a frame that is no command is ignored");
                        Ok(())
                    }
                },
            },
        }
    }

    fn receive_typed(&mut self, envelope: &Envelope<'_>) -> Result<(), tungstenite::Error> {
        match envelope.kind.as_ref() {
            kind::WELCOME => match envelope.payload::<Welcome>() {
                Ok(welcome) => {
                    self.take_time(welcome.server_time);
                    self.max_batch =
                        Some(welcome.max_batch.clamp(1, MAX_BATCH_SAMPLES).min(self.batch_limit));
                    self.retry_window = Duration::from_secs(welcome.retry_window_s.into());
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
                Ok(command) => self.obey(command),
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
                    format!("this device does not know messages of the type {:?}", self.shown(other));
                self.answer_error(&ErrorMessage::new(ErrorCode::UnknownType, message))
            }
        }
    }

    fn take_time(&mut self, time: Timestamp) {
        if self.dialer.can_be_as_late_as(time) {
            self.context.clock.server_says(time);
        } else {
            let words = "its own certificate is over by then, so it is not believed: set the server's clock";
            self.grumble(&format!("the server says that it is {time}: {words}"));
        }
    }

    fn acknowledged(&mut self, ack: &TelemetryAck) {
        self.last_progress = Instant::now();
        self.backlog.confirm(&ack.boot_id, &ack.ranges);
    }

    /// A sample that the server refuses for good must not block the others.
    fn server_objects(&mut self, error: &ErrorMessage) {
        let why = self.shown(&error.message);
        let seq = error.details.get("seq").and_then(serde_json::Value::as_u64);
        let boot_id = error.details.get("boot_id").and_then(serde_json::Value::as_str);
        if let (Some(seq), Some(boot_id), ErrorCode::InvalidMessage) = (seq, boot_id, error.code) {
            self.last_progress = Instant::now();
            self.backlog.refuse(boot_id, seq);
            warn!("the server refuses sample {seq} for good, it is set aside: {why}");
        } else {
            self.grumble(&format!("the server says: {why}"));
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), tungstenite::Error> {
        let device_id = &self.context.identity.device_id;
        match self.context.commands.offer(command, device_id, self.context.clock.now()) {
            Ok(()) => Ok(()),
            Err(busy) => self.wire.reply(Message::text(encode(kind::COMMAND_ACK, &busy))),
        }
    }

    fn refuse_command(&mut self, text: &str) -> Result<(), tungstenite::Error> {
        let ack = command::refuse(text, &self.context.identity.device_id, self.context.clock.now());
        self.wire.reply(Message::text(encode(kind::COMMAND_ACK, &ack)))
    }

    fn answer_error(&mut self, error: &ErrorMessage) -> Result<(), tungstenite::Error> {
        self.grumble(&format!("a frame of the server cannot be used: {}", self.shown(&error.message)));
        self.wire.reply(Message::text(encode(kind::ERROR, error)))
    }

    /// What the server says, fit for a log line.
    fn shown(&self, said: &str) -> String {
        printable(&self.dialer.without_tokens(said))
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
}
