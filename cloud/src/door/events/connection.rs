//! One connection of one user, from its welcome to its end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ems_protocol::{
    CloseCode, Envelope, ErrorCode, ErrorMessage, Timestamp, encode, kind, limits as protocol_limits,
};
use serde::Serialize;
use tracing::info;

use super::conversation::Conversation;
use super::messages::{self, Message};
use crate::app::App;
use crate::audit;
use crate::auth::role::Role;
use crate::auth::sessions::SessionWatch;
use crate::budget::Budget;
use crate::clock;
use crate::door::line::{self, End, beats};
use crate::door::{closing, error_frame, seats, stopping};
use crate::http::Peer;
use crate::metrics::Door;
use crate::rooms::Room;
use crate::rooms::mailbox::Next;
use crate::socket::{Incoming, Socket, Utf8Bytes};

/// Messages of the mailbox that are sent before the socket is read again.
const TURN: usize = 64;
/// How long they may take.
const LONG_TURN: Duration = Duration::from_secs(1);

/// `system.connection`: the first message.
#[derive(Serialize)]
struct Welcome<'a> {
    connection_id: &'a str,
    username: &'a str,
    role: Role,
    rooms: Vec<String>,
    server_time: Timestamp,
    heartbeat_seconds: u32,
    /// Should the server be lost: the first attempt to come back waits for a random part of this time, in s.
    retry_window_s: u32,
}

struct Connection {
    conversation: Conversation,
    socket: Socket,
    frames: Budget,
    errors: Budget,
}

/// Serves a user until the user leaves, the session ends, or the server stops.
pub(super) async fn serve(
    app: Arc<App>,
    session: SessionWatch,
    room: Option<Room>,
    peer: Peer,
    socket: Socket,
) {
    let user = session.user().clone();
    let _connected = app.metrics.connected(Door::Events);
    let _seats = match seats(&app, &user, &peer) {
        Ok(seats) => seats,
        Err(reason) => return socket.close(CloseCode::TooMany, reason).await,
    };
    let id = socket.id();
    info!(connection_id = id, user = user.username, address = %peer.address.ip(), "user connected");
    let conversation = Conversation::new(app, user);
    let (frames, errors) = (Budget::new(400.0, 50.0), Budget::of_errors());
    let mut connection = Connection { conversation, socket, frames, errors };
    let end = tokio::select! {
        end = connection.run(&id, room) => end,
        ended = session.ended() => Some(closing(ended)),
    };
    info!(connection_id = id, reason = end.map(|(_, words)| words), "user disconnected");
    let Connection { conversation, socket, .. } = connection;
    drop(conversation);
    if let Some((code, reason)) = end {
        socket.close(code, reason).await;
    }
}

impl Connection {
    async fn run(&mut self, id: &str, room: Option<Room>) -> End {
        match self.attend(id, room).await {
            ControlFlow::Break(end) => end,
            ControlFlow::Continue(()) => None,
        }
    }

    async fn attend(&mut self, id: &str, room: Option<Room>) -> ControlFlow<End> {
        self.welcome(id, room).await?;
        let app = self.conversation.app.clone();
        let mailbox = self.conversation.mailbox();
        let place = self.socket.place();
        let mut beats = beats();
        let mut count = 0;
        loop {
            tokio::select! {
                () = mailbox.woken() => self.flush().await?,
                incoming = self.socket.receive() => Box::pin(self.take(incoming)).await?,
                text = self.conversation.recents.next(), if self.conversation.recents.is_due() => {
                    self.send(text).await?;
                }
                () = self.conversation.tracking.due() => {
                    let Conversation { app, user, tracking, .. } = &mut self.conversation;
                    for location in tracking.moved(app, user) {
                        self.send(encode(kind::UWB_LOCATION, &location).into()).await?;
                    }
                }
                _ = beats.tick() => {
                    count += 1;
                    self.beat(count).await?;
                }
                end = stopping(&app, place) => return ControlFlow::Break(Some(end)),
            }
        }
    }

    async fn welcome(&mut self, id: &str, room: Option<Room>) -> ControlFlow<End> {
        let rooms: Vec<String> = room.iter().map(Room::to_string).collect();
        // Before the first message: who has read it misses nothing any more.
        self.conversation.meet(&rooms).await;
        let mut refused = Vec::new();
        for name in &rooms {
            // Its role was looked at before the upgrade.
            refused.extend(self.conversation.join(name).await.err());
        }
        let user = &self.conversation.user;
        let welcome = Welcome {
            connection_id: id,
            username: &user.username,
            role: user.role,
            rooms,
            server_time: clock::now(),
            heartbeat_seconds: protocol_limits::HEARTBEAT_SECONDS,
            retry_window_s: self.conversation.app.retry.seconds(),
        };
        self.send(encode(kind::CONNECTION, &welcome).into()).await?;
        for error in refused {
            self.send(error_frame(&error)).await?;
        }
        ControlFlow::Continue(())
    }

    /// Sends what waits, but not for ever: behind a slow line more may come than goes.
    async fn flush(&mut self) -> ControlFlow<End> {
        let began = Instant::now();
        let mailbox = self.conversation.mailbox();
        for _ in 0..TURN {
            let Some(next) = mailbox.next() else { return ControlFlow::Continue(()) };
            match next {
                Next::Message(text, skipped) => {
                    self.conversation.app.metrics.skipped(skipped);
                    self.send(text).await?;
                }
                Next::Lost(reason) => {
                    self.conversation.app.metrics.dropped("slow_consumer");
                    return ControlFlow::Break(Some((CloseCode::SlowConsumer, reason)));
                }
            }
            if began.elapsed() >= LONG_TURN {
                // The peer takes what is sent to it, and its signs of life wait to be read.
                self.socket.excuse_silence();
                break;
            }
        }
        mailbox.wake();
        ControlFlow::Continue(())
    }

    async fn take(&mut self, incoming: Incoming) -> ControlFlow<End> {
        let text = match incoming {
            Incoming::Closed => return ControlFlow::Break(None),
            Incoming::Broken(code, words) => return ControlFlow::Break(Some((code, words))),
            Incoming::TooLarge => {
                let limit = protocol_limits::MAX_FRAME_BYTES;
                let error =
                    ErrorMessage::new(ErrorCode::TooLarge, format!("a frame has at most {limit} bytes"));
                self.send(error_frame(&error.with("limit", limit))).await?;
                return ControlFlow::Break(Some((
                    CloseCode::MessageTooBig,
                    "the frame is larger than 256 KiB",
                )));
            }
            Incoming::Binary => None,
            Incoming::Text(text) => Some(text),
        };
        let app = self.conversation.app.clone();
        app.metrics.received(Door::Events, text.as_ref().map_or(0, |text| text.len()));
        if !self.frames.spend() {
            return self.slow_down().await;
        }
        let Some(text) = text else {
            let words = "binary frames are not taken: send JSON as a text frame";
            return self.complain(ErrorMessage::new(ErrorCode::InvalidJson, words), "").await;
        };
        let envelope = match Envelope::parse(&text) {
            Ok(envelope) => envelope,
            Err(error) => return self.complain(error, "").await,
        };
        // An answer to an error would be answered in turn.
        if envelope.kind == kind::ERROR {
            return ControlFlow::Continue(());
        }
        let outcome = match messages::find(&envelope.kind) {
            Some(message) => self.handle(message, &envelope).await,
            None => Err(unknown(&envelope.kind)),
        };
        for answer in self.conversation.take_answers() {
            self.send(answer).await?;
        }
        self.flush().await?;
        match outcome {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => self.complain(error, &envelope.kind).await,
        }
    }

    async fn handle(&mut self, message: &Message, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
        if self.conversation.user.role < message.needs {
            let words = format!("{} needs the role {}", message.kind, message.needs.as_str());
            return Err(super::conversation::forbidden(&words).with("type", message.kind));
        }
        (message.handle)(&mut self.conversation, envelope).await
    }

    /// Answers a frame that could not be used, unless the user has heard enough of it. Refusals are written down.
    async fn complain(&mut self, error: ErrorMessage, kind: &str) -> ControlFlow<End> {
        if error.code == ErrorCode::Forbidden {
            let Conversation { app, user, .. } = &self.conversation;
            audit::refused(app, user, &format!("/ws {kind}"), &error.message).await;
        }
        if !self.errors.spend() {
            return ControlFlow::Continue(());
        }
        self.send(error_frame(&error)).await
    }

    /// More frames than the limit are not looked at. Whoever goes on is closed.
    async fn slow_down(&mut self) -> ControlFlow<End> {
        self.conversation.app.metrics.dropped("messages_per_second");
        if !self.errors.spend() {
            return ControlFlow::Break(Some((CloseCode::TooMany, "limit reached: 50 messages a second")));
        }
        let words = "limit reached: 50 messages a second; this one was not looked at";
        self.send(error_frame(&ErrorMessage::new(ErrorCode::TooMany, words).with("limit", 50))).await
    }

    async fn beat(&mut self, count: u64) -> ControlFlow<End> {
        line::beat(&mut self.socket, &self.conversation.app, Door::Events, count, true).await
    }

    async fn send(&mut self, text: Utf8Bytes) -> ControlFlow<End> {
        line::send(&mut self.socket, &self.conversation.app.metrics, Door::Events, text).await
    }
}

fn unknown(kind: &str) -> ErrorMessage {
    let name: String = kind.chars().take(64).collect();
    ErrorMessage::new(ErrorCode::UnknownType, format!("the event door does not know the type {name:?}"))
        .with("type", name)
}
