//! A WebSocket whose sending never blocks its receiving.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink as _, Stream as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::dial::Stream;

/// One connection. What is queued is flushed while [`Wire::event`] waits.
pub struct Wire {
    socket: WebSocketStream<Box<dyn Stream>>,
    unflushed: bool,
    /// Answers since the last flush that was complete.
    replies: usize,
}

/// Answers to what the peer says that wait to be flushed: with more, nothing more of it is read, so that a peer which
/// asks and does not listen fills its own buffers and not this memory.
const MOST_REPLIES: usize = 256;

/// What happened on the connection.
#[derive(Debug)]
pub enum Event {
    /// A frame came in.
    Frame(Message),
    /// All that was queued has been handed to the kernel.
    Flushed,
    /// The peer is gone.
    Ended,
}

impl Wire {
    pub(super) fn new(socket: WebSocketStream<Box<dyn Stream>>) -> Self {
        Self { socket, unflushed: false, replies: 0 }
    }

    /// Whether everything queued has left: the caller queues bulk only then, which bounds the buffer.
    pub fn is_idle(&self) -> bool {
        !self.unflushed
    }

    /// Puts a frame into the send buffer.
    pub fn queue(&mut self, message: Message) -> Result<(), Error> {
        self.unflushed = true;
        Pin::new(&mut self.socket).start_send(message)
    }

    /// As [`Self::queue`], for the answer to something that the peer has sent.
    pub fn reply(&mut self, message: Message) -> Result<(), Error> {
        self.replies += 1;
        self.queue(message)
    }

    /// Waits for the next thing to happen. Cancel-safe.
    pub async fn event(&mut self) -> Result<Event, Error> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// Flushes what is queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|context| Pin::new(&mut self.socket).poll_flush(context)).await
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Error>> {
        if self.unflushed && Pin::new(&mut self.socket).poll_flush(context)?.is_ready() {
            self.unflushed = false;
            self.replies = 0;
            return Poll::Ready(Ok(Event::Flushed));
        }
        if self.replies >= MOST_REPLIES {
            return Poll::Pending;
        }
        match Pin::new(&mut self.socket).poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Ok(Event::Ended)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
            Poll::Ready(Some(Ok(message))) => {
                // tungstenite has queued a Pong or a Close in answer: it leaves with the next flush only.
                self.unflushed |= matches!(message, Message::Ping(_) | Message::Close(_));
                Poll::Ready(Ok(Event::Frame(message)))
            }
        }
    }
}
