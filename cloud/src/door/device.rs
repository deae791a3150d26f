//! The device door: one connection of one device, from its first frame to its last.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use ems_protocol::{CloseCode, ErrorCode, ErrorMessage, TelemetryAck, encode, kind, limits};
use tracing::{debug, info, warn};

use super::line::{self, End, beats};
use super::{Occasion, error_frame, occasion, stopping};
use crate::app::App;
use crate::auth::token::TokenHash;
use crate::bell::OnCall;
use crate::budget::Budget;
use crate::clock;
use crate::commands;
use crate::fleet::device::Device;
use crate::fleet::link::{Link, Outbox};
use crate::metrics::Door;
use crate::socket::{Incoming, Socket, Utf8Bytes};
use crate::store::commands as table;

/// Commands that are read from the store at once.
const COMMANDS: usize = 32;

/// One connection.
pub(super) struct Connection {
    pub(super) app: Arc<App>,
    pub(super) device: Arc<Device>,
    pub(super) link: Arc<Link>,
    pub(super) typed: bool,
    pub(super) socket: Socket,
    pub(super) samples: Budget,
    pub(super) events: Budget,
    /// The last command that went out over this connection.
    last_command: i64,
    errors: Budget,
    unsaid_errors: u64,
}

/// Serves a device until it leaves, is closed, or the server stops.
pub(super) async fn serve(app: Arc<App>, device: Arc<Device>, token: TokenHash, typed: bool, socket: Socket) {
    let link = Arc::new(Link::new(token));
    let _connected = app.metrics.connected(Door::Device);
    device.admit(&link);
    info!(device_id = %device.id, session_id = link.session_id, typed, "device connected");
    // Also when the task is dropped half way.
    let _presence = Presence { device: device.clone(), link: link.clone() };
    let mut connection = Connection {
        app,
        device,
        link,
        typed,
        socket,
        samples: Budget::of_samples(),
        events: Budget::of_events(),
        last_command: 0,
        errors: Budget::of_errors(),
        unsaid_errors: 0,
    };
    let end = connection.run().await;
    let Connection { device, link, socket, .. } = connection;
    info!(device_id = %device.id, session_id = link.session_id, reason = end.map(|(_, words)| words), "device disconnected");
    device.detach(&link);
    if let Some((code, reason)) = end {
        socket.close(code, reason).await;
    }
}

/// A connection in its device's books.
struct Presence {
    device: Arc<Device>,
    link: Arc<Link>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.device.detach(&self.link);
    }
}

impl Connection {
    async fn run(&mut self) -> End {
        let place = self.socket.place();
        let mut beats = beats();
        let mut count = 0;
        let app = self.app.clone();
        let link = self.link.clone();
        let on_call = OnCall::default();
        let mut end = pin!(stopping(&app, place));
        loop {
            let full = link.is_full();
            let step = tokio::select! {
                () = link.woken() => self.flush().await,
                incoming = self.socket.receive(), if !full => if self.take_at_once(&incoming) {
                    ControlFlow::Continue(())
                } else {
                    // Boxed: the handling of any frame needs more room than all the rest of an idle connection.
                    Box::pin(self.take(incoming)).await
                },
                occasion = occasion(&on_call, &mut beats, end.as_mut()) => match occasion {
                    Occasion::Beat => {
                        count += 1;
                        if full {
                            self.socket.excuse_silence();
                        }
                        self.beat(count).await
                    }
                    Occasion::End(end) => ControlFlow::Break(Some(end)),
                },
            };
            if let ControlFlow::Break(end) = step {
                return end;
            }
        }
    }

    async fn take(&mut self, incoming: Incoming) -> ControlFlow<End> {
        match incoming {
            Incoming::Text(text) => {
                self.app.metrics.received(Door::Device, text.len());
                self.frame(&text).await
            }
            Incoming::Binary => {
                self.app.metrics.received(Door::Device, 0);
                let error = ErrorMessage::new(
                    ErrorCode::InvalidJson,
                    "binary frames are not taken: send JSON as a text frame",
                );
                self.complain(error).await
            }
            Incoming::TooLarge => {
                let words =
                    format!("a frame has at most {} bytes: send smaller batches", limits::MAX_FRAME_BYTES);
                let error =
                    ErrorMessage::new(ErrorCode::TooLarge, words).with("limit", limits::MAX_FRAME_BYTES);
                let _ = self.complain(error).await;
                ControlFlow::Break(Some((CloseCode::MessageTooBig, "the frame is larger than 256 KiB")))
            }
            Incoming::Broken(code, words) => ControlFlow::Break(Some((code, words))),
            Incoming::Closed => ControlFlow::Break(None),
        }
    }

    async fn beat(&mut self, count: u64) -> ControlFlow<End> {
        if self.socket.is_dead() {
            info!(device_id = %self.device.id, "no sign of life for {} s", limits::DEAD_PEER_SECONDS);
        }
        line::beat(&mut self.socket, &self.app, Door::Device, count, self.typed).await
    }

    /// Sends what others have put into the outbox.
    pub(super) async fn flush(&mut self) -> ControlFlow<End> {
        let Outbox { acks, unavailable, commands, close, .. } = self.link.take();
        if self.typed {
            for (boot_id, ranges) in acks {
                self.send(encode(kind::ACK, &TelemetryAck { boot_id, ranges }).into()).await?;
            }
        }
        if unavailable > 0 {
            let words = "the server cannot store samples at the moment: keep them and send them again later";
            let error = ErrorMessage::new(ErrorCode::Unavailable, words).with("samples", unavailable);
            self.complain(error).await?;
        }
        if commands && close.is_none() {
            Box::pin(self.send_commands()).await?;
        }
        match close {
            Some(end) => ControlFlow::Break(Some(end)),
            None => ControlFlow::Continue(()),
        }
    }

    /// Sends the commands that are open and were not sent over this connection yet.
    async fn send_commands(&mut self) -> ControlFlow<End> {
        let (device, after, now) = (self.device.key, self.last_command, clock::now().millis());
        let rows = match self.app.store.read(move |db| table::open(db, device, after, now, COMMANDS)).await {
            Ok(rows) => rows,
            Err(error) => {
                // They come with the next call or connection.
                warn!(device_id = %self.device.id, %error, "the commands could not be read");
                return ControlFlow::Continue(());
            }
        };
        if rows.len() == COMMANDS {
            self.link.call();
        }
        for row in rows {
            self.last_command = row.key;
            let key = row.key;
            let noted = if let Some(frame) = commands::frame(&self.app, &row, self.typed) {
                self.send(frame).await?;
                self.app.store.write(move |db| table::note_sent(db, key, now)).await
            } else {
                let words =
                    "the server was restarted before the new token was delivered: nothing has changed";
                self.app.store.write(move |db| table::fail(db, key, now, "INTERRUPTED", words)).await
            };
            match noted {
                Ok(Some(row)) => commands::progressed(&self.app, &self.device, row),
                Ok(None) => {}
                Err(error) => warn!(device_id = %self.device.id, %error, "a delivery could not be noted"),
            }
        }
        ControlFlow::Continue(())
    }

    /// Tells the device about a frame that could not be used, unless it has heard enough of it.
    pub(super) async fn complain(&mut self, mut error: ErrorMessage) -> ControlFlow<End> {
        debug!(device_id = %self.device.id, code = ?error.code, reason = error.message, "frame refused");
        if !self.errors.spend() {
            self.unsaid_errors += 1;
            return ControlFlow::Continue(());
        }
        if self.unsaid_errors > 0 {
            error = error.with("errors_not_sent", std::mem::take(&mut self.unsaid_errors));
        }
        self.send(error_frame(&error)).await
    }

    pub(super) async fn send(&mut self, text: Utf8Bytes) -> ControlFlow<End> {
        line::send(&mut self.socket, &self.app.metrics, Door::Device, text).await
    }
}
