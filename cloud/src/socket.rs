//! A WebSocket as the doors see it: frames in, frames out, time limits on both.

mod stream;
#[cfg(test)]
mod tests;
mod upgrade;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ems_protocol::{CloseCode, limits, with_retry_window};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::bell::OnCall;
use crate::limits::Seat;
use crate::retry::RetryWindow;
use stream::Stream;
pub use tokio_tungstenite::tungstenite::Utf8Bytes;
pub use upgrade::{offers_typed, upgrade};

/// What is read at once. Every connection keeps it, idle or not, and it is zeroed for each read: a sample fits, and
/// what is larger is read in several steps. tungstenite's own default is 128 KiB.
const BUFFER: usize = 1024;
const DEAD_PEER: Duration = Duration::from_secs(limits::DEAD_PEER_SECONDS);
/// How long a peer may take over the closing handshake.
const CLOSING: Duration = Duration::from_secs(2);

/// One open WebSocket.
pub struct Socket {
    stream: WebSocketStream<Stream>,
    // A task is woken to send far more often than to receive.
    reading: OnCall,
    last_frame: Instant,
    id: u64,
    // The bytes that follow are the inside of a frame that was refused: no further frame can be found.
    broken: bool,
    // The peer has closed: only the answer is left to send.
    closing: bool,
    retry: Arc<RetryWindow>,
    // Its place among all connections.
    _seat: Option<Arc<Seat<()>>>,
}

/// What came.
#[derive(Debug)]
pub enum Incoming {
    /// A text frame.
    Text(Utf8Bytes),
    /// A binary frame, which no door takes.
    Binary,
    /// A frame larger than [`limits::MAX_FRAME_BYTES`]; nothing can be received after it.
    TooLarge,
    /// Bytes that are no WebSocket frames; nothing can be received after them. How to close.
    Broken(CloseCode, &'static str),
    /// The peer is gone.
    Closed,
}

/// The peer is gone, or does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl Socket {
    async fn new(upgraded: Upgraded, seat: Option<Arc<Seat<()>>>, retry: Arc<RetryWindow>) -> Option<Self> {
        let (stream, read) = Stream::of(upgraded)?;
        // Copied: hyper's buffer, which is larger, would stay for as long as the connection.
        Some(Self::over(stream, read.to_vec(), seat, retry).await)
    }

    async fn over(
        stream: Stream,
        read: Vec<u8>,
        seat: Option<Arc<Seat<()>>>,
        retry: Arc<RetryWindow>,
    ) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * limits::MAX_FRAME_BYTES)
            .max_frame_size(Some(limits::MAX_FRAME_BYTES))
            .max_message_size(Some(limits::MAX_FRAME_BYTES));
        let stream = WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
        let mut id = [0; 8];
        // Only a label: should the kernel have no random bits, it is zero.
        let _ = getrandom::fill(&mut id);
        let id = u64::from_be_bytes(id);
        let reading = OnCall::default();
        Self {
            stream,
            reading,
            last_frame: Instant::now(),
            id,
            broken: false,
            closing: false,
            retry,
            _seat: seat,
        }
    }

    /// Names it in logs.
    pub fn id(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// A number from 0 to 1, drawn when it opened.
    pub fn place(&self) -> f64 {
        self.id as f64 / u64::MAX as f64
    }

    /// The next data frame. Losing a race in `select!` loses nothing.
    pub async fn receive(&mut self) -> Incoming {
        loop {
            if self.closing {
                self.finish().await;
                return Incoming::Closed;
            }
            let Self { stream, reading, .. } = self;
            let frame =
                poll_fn(|context| reading.poll(context, |context| stream.poll_next_unpin(context))).await;
            self.last_frame = Instant::now();
            match frame {
                Some(Ok(Message::Text(text))) => return Incoming::Text(text),
                Some(Ok(Message::Binary(_))) => return Incoming::Binary,
                // tungstenite answers Pings by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(Error::Capacity(_))) => {
                    self.broken = true;
                    return Incoming::TooLarge;
                }
                Some(Err(Error::Utf8(_))) => {
                    self.broken = true;
                    return Incoming::Broken(CloseCode::InvalidPayload, "a text frame must be UTF-8");
                }
                Some(Ok(Message::Close(_))) => self.closing = true,
                Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return Incoming::Closed;
                }
                Some(Err(Error::Protocol(_))) => {
                    self.broken = true;
                    return Incoming::Broken(CloseCode::ProtocolError, "a frame is not as RFC 6455 wants it");
                }
                Some(Err(_)) | None => return Incoming::Closed,
            }
        }
    }

    /// Sends a text frame of any length. tungstenite does not see it: it would check the text once more for each
    /// receiver, and its buffer, which a peer fills that sends Pings and reads no Pongs, must stay small.
    pub async fn send(&mut self, text: Utf8Bytes) -> Result<(), Gone> {
        if self.closing {
            return Err(Gone);
        }
        if !self.stream.get_ref().is_between_frames() {
            within(DEAD_PEER, self.stream.flush()).await?;
        }
        self.stream.get_mut().begin(&text.into()).map_err(|_| Gone)?;
        if self.stream.get_ref().is_through() {
            return Ok(());
        }
        within(DEAD_PEER, self.stream.get_mut().flush()).await
    }

    /// Asks the peer for a sign of life.
    pub async fn ping(&mut self) -> Result<(), Gone> {
        self.write(Message::Ping(Bytes::new()), DEAD_PEER).await
    }

    /// Whether nothing, not even a Pong, has come for [`limits::DEAD_PEER_SECONDS`].
    pub fn is_dead(&self) -> bool {
        self.last_frame.elapsed() >= DEAD_PEER
    }

    /// The silence was ours: we did not read.
    pub fn excuse_silence(&mut self) {
        self.last_frame = Instant::now();
    }

    /// Says why and closes. Waits a moment for the peer's answer: a socket that is closed with unread bytes resets
    /// the connection, and the peer would never learn the reason.
    pub async fn close(mut self, code: CloseCode, reason: &'static str) {
        let reason = match code {
            CloseCode::ServiceRestart | CloseCode::TryAgainLater => {
                with_retry_window(reason, self.retry.seconds()).into()
            }
            _ => Utf8Bytes::from_static(reason),
        };
        let frame = CloseFrame { code: code.code().into(), reason };
        if self.write(Message::Close(Some(frame)), CLOSING).await.is_ok() {
            // Neither way ends in anything to report.
            let _ = timeout(CLOSING, self.drain()).await;
            self.finish().await;
        }
    }

    /// Sends the answer to the peer's Close frame, and the end of TLS: without them the peer calls the end unclean.
    async fn finish(&mut self) {
        // Neither way is there anybody left to tell.
        let _ = timeout(CLOSING, async {
            let _ = self.stream.flush().await;
            self.stream.get_mut().shutdown().await
        })
        .await;
    }

    async fn drain(&mut self) {
        if self.broken {
            // An array here would be part of every connection's future, from its first second.
            let mut discarded = vec![0; BUFFER];
            while self.stream.get_mut().read(&mut discarded).await.is_ok_and(|count| count > 0) {}
        } else {
            while self.stream.next().await.is_some_and(|frame| frame.is_ok()) {}
        }
    }

    async fn write(&mut self, message: Message, limit: Duration) -> Result<(), Gone> {
        within(limit, self.stream.send(message)).await
    }
}

/// The end of `sending`, if it comes in time.
async fn within<E>(limit: Duration, sending: impl Future<Output = Result<(), E>>) -> Result<(), Gone> {
    let mut sending = pin!(sending);
    // Mostly the kernel takes it at once, and no time has to be looked at.
    let sent = match poll_fn(|context| Poll::Ready(sending.as_mut().poll(context))).await {
        Poll::Ready(sent) => sent.is_ok(),
        Poll::Pending => matches!(timeout(limit, sending).await, Ok(Ok(()))),
    };
    if sent { Ok(()) } else { Err(Gone) }
}
