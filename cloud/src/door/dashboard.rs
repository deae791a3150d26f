//! The dashboard door: one user who watches one device.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use ems_protocol::{CloseCode, Envelope, ErrorCode, ErrorMessage, Timestamp, encode, kind, limits};

use super::line::{self, End, beats};
use super::{Occasion, closing, error_frame, occasion, seats, stopping};
use crate::app::App;
use crate::auth::sessions::SessionWatch;
use crate::bell::OnCall;
use crate::budget::Budget;
use crate::fleet::device::Device;
use crate::fleet::subscriber::{Slot, Subscriber};
use crate::http::Peer;
use crate::metrics::Door;
use crate::rooms::mailbox::Backfill;
use crate::socket::{Incoming, Socket, Utf8Bytes};

struct Watching {
    app: Arc<App>,
    device: Arc<Device>,
    subscriber: Arc<Subscriber>,
    socket: Socket,
    errors: Budget,
}

/// Serves a dashboard until it leaves, its session ends, or the server stops.
pub(super) async fn serve(
    app: Arc<App>,
    device: Arc<Device>,
    session: SessionWatch,
    typed: bool,
    peer: Peer,
    socket: Socket,
) {
    let _connected = app.metrics.connected(Door::Dashboard);
    let _seats = match seats(&app, session.user(), &peer) {
        Ok(seats) => seats,
        Err(reason) => return socket.close(CloseCode::TooMany, reason).await,
    };
    let subscriber = Arc::new(Subscriber::new(typed));
    device.subscribe(subscriber.clone());
    let _subscription = Subscription { device: device.clone(), subscriber: subscriber.clone() };
    let mut watching = Watching { app, device, subscriber, socket, errors: Budget::of_errors() };
    let end = watching.run(&session).await;
    if let Some((code, reason)) = end {
        watching.device.unsubscribe(&watching.subscriber);
        watching.socket.close(code, reason).await;
    }
}

/// Takes the subscriber away also when the task is dropped half way.
struct Subscription {
    device: Arc<Device>,
    subscriber: Arc<Subscriber>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.device.unsubscribe(&self.subscriber);
    }
}

impl Watching {
    async fn run(&mut self, session: &SessionWatch) -> End {
        let place = self.socket.place();
        let mut beats = beats();
        let mut count = 0;
        let app = self.app.clone();
        let subscriber = self.subscriber.clone();
        let on_call = OnCall::default();
        let mut end = pin!(async {
            tokio::select! {
                ended = session.ended() => closing(ended),
                end = stopping(&app, place) => end,
            }
        });
        loop {
            let step = tokio::select! {
                () = subscriber.woken() => self.flush(subscriber.take()).await,
                incoming = self.socket.receive() => Box::pin(self.take(incoming)).await,
                occasion = occasion(&on_call, &mut beats, end.as_mut()) => match occasion {
                    Occasion::Beat => {
                        count += 1;
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

    async fn flush(&mut self, slot: Slot) -> ControlFlow<End> {
        if slot.removed {
            return ControlFlow::Break(Some((CloseCode::GoingAway, "this device is no longer registered")));
        }
        if let Some(status) = slot.status {
            self.send(status).await?;
        }
        if let Some(frame) = slot.telemetry {
            self.app.metrics.skipped(slot.skipped);
            let text = match (self.subscriber.typed, slot.skipped) {
                (false, _) => frame.bare().clone(),
                (true, 0) => frame.typed().clone(),
                (true, skipped) => frame.typed_after(skipped),
            };
            self.send(text).await?;
        }
        for event in slot.events {
            self.send(event).await?;
        }
        if let Some((from, to)) = slot.backfill {
            let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
            let message = Backfill { device_id: &self.device.id, from, to };
            self.send(encode(kind::BACKFILL, &message).into()).await?;
        }
        if slot.overflowed {
            self.app.metrics.dropped("slow_consumer");
            return ControlFlow::Break(Some((
                CloseCode::SlowConsumer,
                "events came faster than they were read",
            )));
        }
        ControlFlow::Continue(())
    }

    /// This door takes no messages yet: whatever comes is answered, and the socket stays open.
    async fn take(&mut self, incoming: Incoming) -> ControlFlow<End> {
        let size = if let Incoming::Text(text) = &incoming { text.len() } else { 0 };
        let error = match incoming {
            Incoming::Closed => return ControlFlow::Break(None),
            Incoming::Broken(code, words) => return ControlFlow::Break(Some((code, words))),
            Incoming::TooLarge => {
                let words = format!("a frame has at most {} bytes", limits::MAX_FRAME_BYTES);
                let error =
                    ErrorMessage::new(ErrorCode::TooLarge, words).with("limit", limits::MAX_FRAME_BYTES);
                self.send(error_frame(&error)).await?;
                return ControlFlow::Break(Some((
                    CloseCode::MessageTooBig,
                    "the frame is larger than 256 KiB",
                )));
            }
            Incoming::Binary => ErrorMessage::new(
                ErrorCode::InvalidJson,
                "binary frames are not taken: send JSON as a text frame",
            ),
            Incoming::Text(text) => match Envelope::parse(&text) {
                Ok(envelope) if envelope.kind == kind::ERROR => return ControlFlow::Continue(()),
                Ok(envelope) => {
                    let name: String = envelope.kind.chars().take(64).collect();
                    ErrorMessage::new(
                        ErrorCode::UnknownType,
                        format!("the dashboard door does not know the type {name:?}"),
                    )
                    .with("type", name)
                }
                Err(error) => error,
            },
        };
        self.app.metrics.received(Door::Dashboard, size);
        if self.errors.spend() {
            return self.send(error_frame(&error)).await;
        }
        ControlFlow::Continue(())
    }

    async fn beat(&mut self, count: u64) -> ControlFlow<End> {
        line::beat(&mut self.socket, &self.app, Door::Dashboard, count, self.subscriber.typed).await
    }

    async fn send(&mut self, text: Utf8Bytes) -> ControlFlow<End> {
        line::send(&mut self.socket, &self.app.metrics, Door::Dashboard, text).await
    }
}
