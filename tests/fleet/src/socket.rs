//! A client's WebSocket, of which only what a load needs: the server it loads is measured, so it must cost little.
//! Frames are masked with zeros (RFC 6455 section 5.3 leaves the key to the client), which changes no byte.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A byte stream, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: Box<dyn Stream>,
    input: BytesMut,
    output: BytesMut,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A text.
    Text(Bytes),
    /// The server closes: its code and reason.
    Close(u16, String),
    /// Anything else.
    Other,
}

/// Room for this is made before each read.
const READ: usize = 4096;

/// The first byte of a whole frame has this bit, the second of a masked one too.
const WHOLE: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The length follows in two or eight bytes.
const MIDDLING: u8 = 0x7e;
const LONG: u8 = 0x7f;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Socket {
    /// After the opening handshake; `input` is what came with its answer.
    pub(crate) fn new(stream: Box<dyn Stream>, input: BytesMut) -> Self {
        Self { stream, input, output: BytesMut::new() }
    }

    /// The next frame; Pings are answered. Losing a race loses nothing.
    pub(crate) async fn receive(&mut self) -> io::Result<Frame> {
        loop {
            while let Some((opcode, payload)) = take_frame(&mut self.input) {
                match opcode {
                    TEXT => return Ok(Frame::Text(payload)),
                    CLOSE => return Ok(closed(payload)),
                    PING => {
                        put_frame(&mut self.output, PONG, &payload);
                        self.flush().await?;
                    }
                    _ => return Ok(Frame::Other),
                }
            }
            self.input.reserve(READ);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends a text.
    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        put_frame(&mut self.output, TEXT, text.as_bytes());
        self.flush().await
    }

    /// Sends a Ping without waiting for its answer.
    pub(crate) async fn ping(&mut self) -> io::Result<()> {
        put_frame(&mut self.output, PING, b"");
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            self.stream.write_buf(&mut self.output).await?;
        }
        self.stream.flush().await
    }
}

/// Takes a whole frame off the front, if one is there. Servers do not mask.
fn take_frame(input: &mut BytesMut) -> Option<(u8, Bytes)> {
    let (first, second) = (*input.first()?, *input.get(1)?);
    let (header, length) = match second & 0x7f {
        MIDDLING => (4, u64::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?))),
        LONG => (10, u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if input.len() - header < length {
        return None;
    }
    input.advance(header);
    Some((first & 0x0f, input.split_to(length).freeze()))
}

fn put_frame(output: &mut BytesMut, opcode: u8, payload: &[u8]) {
    output.extend_from_slice(&[WHOLE | opcode]);
    match payload.len() {
        length @ 0..126 => output.extend_from_slice(&[MASKED | u8::try_from(length).unwrap_or(0)]),
        length if length <= 0xffff => {
            output.extend_from_slice(&[MASKED | MIDDLING]);
            output.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
        }
        length => {
            output.extend_from_slice(&[MASKED | LONG]);
            output.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    output.extend_from_slice(&[0; 4]);
    output.extend_from_slice(payload);
}

fn closed(mut payload: Bytes) -> Frame {
    if payload.len() < 2 {
        return Frame::Close(1005, String::new());
    }
    let code = payload.get_u16();
    Frame::Close(code, String::from_utf8_lossy(&payload).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_are_taken_only_when_whole() {
        for length in [0, 125, 126, 0xffff, 0x1_0000] {
            let payload = vec![b'x'; length];
            let mut wire = BytesMut::new();
            put_frame(&mut wire, TEXT, &payload);
            // As a server sends it: without the key.
            let header = wire.len() - length - 4;
            let mut input = BytesMut::from(&wire[..header]);
            input[1] &= 0x7f;
            input.extend_from_slice(&payload);
            let last = input.split_off(input.len() - 1);
            assert!(take_frame(&mut input).is_none(), "{length}");
            input.extend_from_slice(&last);
            assert_eq!(take_frame(&mut input), Some((TEXT, Bytes::from(payload))));
            assert!(input.is_empty());
        }
    }
}
