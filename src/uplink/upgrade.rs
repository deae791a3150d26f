//! The WebSocket opening handshake (RFC 6455 section 4.1).
//!
//! tungstenite's own client refuses a server that does not pick one of the offered subprotocols, which is exactly what a
//! server written from the guide does: it takes the connection in plain mode. So the request is written and the
//! answer read here; the key, its proof and all frames are tungstenite's (docs/decisions/0003-own-upgrade.md).

use std::time::Duration;

use ems_protocol::SUBPROTOCOL;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::DialError;
use crate::config::Secret;
use crate::words::printable;

/// What both sides have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Bare telemetry, no acknowledgement.
    Plain,
    /// `{"type", "payload"}`, with acknowledgements.
    Typed,
}

/// An answer's head must fit in here.
const MAX_HEAD: usize = 8 * 1024;
/// Headers in an answer; more are no WebSocket server's.
const MAX_HEADERS: usize = 64;
/// A device receives acknowledgements of 150 bytes: tungstenite clears this much memory before each read.
const BUFFER: usize = 1024;

/// A connection that has become a WebSocket.
pub(super) struct Upgraded<S> {
    pub(super) socket: WebSocketStream<S>,
    pub(super) mode: Mode,
    /// The time of day that the server states (RFC 9110 section 6.6.1).
    pub(super) date: Option<String>,
}

/// Asks for the upgrade on `stream` and gives the WebSocket.
pub(super) async fn upgrade<S>(
    mut stream: S,
    authority: &str,
    path: &str,
    token: &Secret,
) -> Result<Upgraded<S>, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = generate_key();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\
         Authorization: Bearer {token}\r\nUser-Agent: ems-edge/{version}\r\n\r\n",
        token = token.expose(),
        version = crate::sample::FIRMWARE_VERSION,
    );
    stream.write_all(request.as_bytes()).await.map_err(DialError::Upgrade)?;
    stream.flush().await.map_err(DialError::Upgrade)?;

    let mut received = Vec::with_capacity(1024);
    loop {
        if let Some((mut answer, length)) = Answer::parse(&received)? {
            let date = answer.date.take();
            let mode = answer.check(&key)?;
            let rest = received.split_off(length);
            let socket =
                WebSocketStream::from_partially_read(stream, rest, Role::Client, Some(limits())).await;
            return Ok(Upgraded { socket, mode, date });
        }
        if received.len() >= MAX_HEAD {
            return Err(DialError::NotWebSocket(format!(
                "its answer has more than {MAX_HEAD} bytes of headers"
            )));
        }
        if stream.read_buf(&mut received).await.map_err(DialError::Upgrade)? == 0 {
            return Err(DialError::NotWebSocket("it closed the connection without an answer".to_owned()));
        }
    }
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * ems_protocol::limits::MAX_FRAME_BYTES)
        .max_message_size(Some(ems_protocol::limits::MAX_FRAME_BYTES))
        .max_frame_size(Some(ems_protocol::limits::MAX_FRAME_BYTES))
}

/// The head of the server's answer, as far as it matters.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    accept: Option<String>,
    protocol: Option<String>,
    retry_after: Option<Duration>,
    location: Option<String>,
    /// `Date`.
    date: Option<String>,
}

impl Answer {
    /// The answer and the length of its head, once all of it is there.
    fn parse(received: &[u8]) -> Result<Option<(Self, usize)>, DialError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(received) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(DialError::NotWebSocket(format!("its answer is not HTTP ({error})"))),
        };
        let mut answer = Self { status: response.code.unwrap_or(0), ..Self::default() };
        for header in response.headers.iter() {
            let value = String::from_utf8_lossy(header.value).trim().to_owned();
            match header.name.to_ascii_lowercase().as_str() {
                "sec-websocket-accept" => answer.accept = Some(value),
                "sec-websocket-protocol" => answer.protocol = Some(value),
                // The form with a date (RFC 9110 section 10.2.3) would need a right clock: the usual wait serves.
                "retry-after" => answer.retry_after = value.parse().ok().map(Duration::from_secs),
                "date" => answer.date = Some(value),
                "location" => answer.location = Some(printable(&value)),
                _ => {}
            }
        }
        Ok(Some((answer, length)))
    }

    fn check(self, key: &str) -> Result<Mode, DialError> {
        match self.status {
            101 => {}
            401 | 403 => return Err(DialError::Refused(self.status)),
            300..=399 => {
                let to = self.location.unwrap_or_default();
                return Err(DialError::NotWebSocket(format!(
                    "it redirects to {to:?} (HTTP {}): a captive portal, or the wrong SERVER_URL",
                    self.status
                )));
            }
            429 | 500..=599 => return Err(DialError::Unavailable(self.status, self.retry_after)),
            status => {
                return Err(DialError::NotWebSocket(format!("it answers HTTP {status}: check SERVER_URL")));
            }
        }
        if self.accept.as_deref() != Some(derive_accept_key(key.as_bytes()).as_str()) {
            return Err(DialError::NotWebSocket(
                "its Sec-WebSocket-Accept does not prove the upgrade".to_owned(),
            ));
        }
        match self.protocol.as_deref() {
            None => Ok(Mode::Plain),
            Some(SUBPROTOCOL) => Ok(Mode::Typed),
            Some(other) => Err(DialError::NotWebSocket(format!(
                "it picked the subprotocol {:?}, which was not offered",
                printable(other)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(head: &str) -> Result<Mode, DialError> {
        let (answer, length) = Answer::parse(head.as_bytes())?.expect("complete");
        assert_eq!(length, head.len());
        answer.check("dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// The key and its proof are the example of RFC 6455 section 1.3.
    const ACCEPTED: &str =
        "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    #[test]
    fn without_a_subprotocol_the_mode_is_plain_with_ours_it_is_typed() {
        assert_eq!(answer(&format!("{ACCEPTED}\r\n")).unwrap(), Mode::Plain);
        assert_eq!(
            answer(&format!("{ACCEPTED}Sec-WebSocket-Protocol: ems.v1\r\n\r\n")).unwrap(),
            Mode::Typed
        );
    }

    #[test]
    fn every_other_answer_is_told_apart() {
        let cases = [
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
            ("HTTP/1.1 401 Unauthorized\r\n\r\n", "401"),
            ("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", "503"),
            ("HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n", "captive portal"),
            ("HTTP/1.1 200 OK\r\n\r\n", "HTTP 200"),
            ("HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", "Sec-WebSocket-Accept"),
            (&format!("{ACCEPTED}Sec-WebSocket-Protocol: mqtt\r\n\r\n"), "mqtt"),
        ];
        for (head, expected) in cases {
            let error = answer(head).unwrap_err().to_string();
            assert!(error.contains(expected), "{head:?}: {error}");
        }
        assert!(matches!(
            answer("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n"),
            Err(DialError::Unavailable(503, Some(wait))) if wait == Duration::from_secs(7)
        ));
        assert!(Answer::parse(b"SSH-2.0-OpenSSH_9.2\r\n").is_err());
        assert!(Answer::parse(b"HTTP/1.1 101 Swi").unwrap().is_none());
    }
}
