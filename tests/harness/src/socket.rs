//! A WebSocket for tests: blocking, with time limits.

use std::io::Write as _;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use crate::handshake::{Stream, is_timeout};
use crate::wait::PATIENCE;

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket<Box<dyn Stream>>,
    protocol: Option<String>,
}

/// What is sent, if need be against the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// Bytes below the framing, put on the wire as they are.
    Raw(Vec<u8>),
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Text(String),
    /// The end, with code and reason where the server gave them.
    Closed(Option<(u16, String)>),
}

impl Socket {
    pub(crate) fn new(socket: WebSocket<Box<dyn Stream>>, protocol: Option<String>) -> Self {
        Self { socket, protocol }
    }

    /// The subprotocol that the server picked.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends a text frame.
    #[track_caller]
    pub fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("an open socket");
    }

    /// Sends `{"type", "payload"}`.
    #[track_caller]
    pub fn send_typed(&mut self, kind: &str, payload: &Value) {
        self.send(&json!({"type": kind, "payload": payload}).to_string());
    }

    /// Sends anything; the server may close meanwhile.
    pub fn try_send(&mut self, frame: Frame) -> Result<(), Error> {
        match frame {
            Frame::Text(text) => self.socket.send(Message::text(text)),
            Frame::Binary(bytes) => self.socket.send(Message::binary(bytes)),
            Frame::Raw(bytes) => {
                let stream = self.socket.get_mut();
                stream.write_all(&bytes).and_then(|()| stream.flush()).map_err(Error::Io)
            }
        }
    }

    /// The next text frame or the end.
    #[track_caller]
    pub fn receive(&mut self) -> Received {
        self.receive_within(PATIENCE).unwrap_or_else(|| panic!("nothing came for {} s", PATIENCE.as_secs()))
    }

    /// The next text frame or the end, if one comes within `limit`.
    #[track_caller]
    pub fn receive_within(&mut self, limit: Duration) -> Option<Received> {
        let start = Instant::now();
        loop {
            let left = limit.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
            self.socket.get_ref().tcp().set_read_timeout(Some(left)).expect("a socket option");
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(Received::Text(text.to_string())),
                Ok(Message::Close(frame)) => {
                    return Some(Received::Closed(frame.map(|f| (f.code.into(), f.reason.to_string()))));
                }
                Ok(Message::Binary(bytes)) => panic!("a binary frame of {} bytes came", bytes.len()),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if is_timeout(&error) => {}
                // However the transport ends: the server has gone.
                Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) | Error::Protocol(_)) => {
                    return Some(Received::Closed(None));
                }
                Err(other) => panic!("the socket broke: {other}"),
            }
            if start.elapsed() >= limit {
                return None;
            }
        }
    }

    /// The text of the next frame; the end fails the test.
    #[track_caller]
    pub fn text(&mut self) -> String {
        match self.receive() {
            Received::Text(text) => text,
            Received::Closed(why) => panic!("the server closed the socket: {why:?}"),
        }
    }

    /// The next frame as JSON.
    #[track_caller]
    pub fn json(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text:?} is no JSON"))
    }

    /// The payload of the next message of type `kind`; others are passed over.
    #[track_caller]
    pub fn next_of(&mut self, kind: &str) -> Value {
        let start = Instant::now();
        loop {
            let mut message = self.json();
            if message["type"] == kind {
                return message["payload"].take();
            }
            assert!(start.elapsed() < PATIENCE, "waited {} s for a message {kind}", PATIENCE.as_secs());
        }
    }

    /// Says goodbye and waits for the answer.
    pub fn close(self) {
        self.say_goodbye(None);
    }

    /// As [`Self::close`], with a code and a reason.
    pub fn close_with(self, code: u16, reason: &'static str) {
        self.say_goodbye(Some(CloseFrame { code: code.into(), reason: reason.into() }));
    }

    fn say_goodbye(mut self, frame: Option<CloseFrame>) {
        if self.socket.close(frame).is_ok() {
            while let Some(Received::Text(_)) = self.receive_within(Duration::from_secs(5)) {}
        }
    }

    /// Vanishes without a goodbye.
    pub fn vanish(self) {
        drop(self.socket.get_ref().tcp().shutdown(Shutdown::Both));
    }
}
