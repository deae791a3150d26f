//! The byte stream under a WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What the server accepts, and what it still has to take before anything else is written.
pub(super) struct Stream {
    io: Io,
    /// The end of a frame of which the kernel took only the beginning.
    rest: Bytes,
    /// Whether the last write was not taken whole: then whoever wrote holds the rest of it.
    held_up: bool,
}

/// As itself, not as hyper's `Upgraded`: that is a box around a buffer around a box, for each connection and each read.
enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The first byte of a whole text frame (RFC 6455 section 5.2).
const TEXT: u8 = 0x81;
/// Frames up to this size, in bytes, are put together before they are written: samples and acknowledgements.
const SMALL: usize = 512;

impl Stream {
    /// The stream that hyper gives up, and what it has read beyond the handshake.
    pub(super) fn of(upgraded: Upgraded) -> Option<(Self, Bytes)> {
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => return Some((Self::new(Io::Plain(parts.io.into_inner())), parts.read_buf)),
            Err(upgraded) => upgraded,
        };
        let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
        Some((Self::new(Io::Tls(Box::new(parts.io.into_inner()))), parts.read_buf))
    }

    #[cfg(test)]
    pub(super) fn over_tls(stream: TlsStream<TcpStream>) -> Self {
        Self::new(Io::Tls(Box::new(stream)))
    }

    fn new(io: Io) -> Self {
        Self { io, rest: Bytes::new(), held_up: false }
    }

    /// Whether a frame may begin here: none is held by whoever wrote it, and none has still to be taken.
    pub(super) fn is_between_frames(&self) -> bool {
        !self.held_up && self.rest.is_empty()
    }

    /// Begins a text frame where [`Self::is_between_frames`], at once and from where it is if that is possible: one
    /// text goes to thousands, and a copy for each costs more than all else that we do about it. What the kernel does
    /// not take, and with TLS all of it, goes before whatever is written or flushed next.
    pub(super) fn begin(&mut self, text: &Bytes) -> io::Result<()> {
        let (header, length) = header(text.len());
        let header = header.get(..length).unwrap_or_default();
        let sent = match &self.io {
            Io::Plain(tcp) => match write_frame(tcp, header, text) {
                Ok(sent) => sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            },
            Io::Tls(_) => 0,
        };
        if sent < length {
            self.rest = [header.get(sent..).unwrap_or_default(), text].concat().into();
        } else if sent < length + text.len() {
            self.rest = text.slice(sent - length..);
        }
        Ok(())
    }

    /// Whether the kernel has all that was handed to it.
    pub(super) fn is_through(&self) -> bool {
        self.rest.is_empty()
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let sent = ready!(self.io.poll_write(cx, &self.rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.advance(sent);
        }
        Poll::Ready(Ok(()))
    }
}

/// Writes what the kernel takes at once. To gather two pieces costs it more than a copy of a small text costs us.
fn write_frame(tcp: &TcpStream, header: &[u8], text: &[u8]) -> io::Result<usize> {
    let mut frame = [0; SMALL];
    let length = header.len() + text.len();
    if let Some(frame) = frame.get_mut(..length)
        && let Some((head, rest)) = frame.split_at_mut_checked(header.len())
    {
        head.copy_from_slice(header);
        rest.copy_from_slice(text);
        return tcp.try_write(frame);
    }
    tcp.try_write_vectored(&[IoSlice::new(header), IoSlice::new(text)])
}

/// The header of an unmasked text frame, and how long it is.
fn header(size: usize) -> ([u8; 10], usize) {
    let mut header = [TEXT, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let [_, short, ..] = &mut header;
    if let Ok(small @ 0..126) = u8::try_from(size) {
        *short = small;
        (header, 2)
    } else if let Ok(middling) = u16::try_from(size) {
        *short = 126;
        let [_, _, a, b, ..] = &mut header;
        [*a, *b] = middling.to_be_bytes();
        (header, 4)
    } else {
        *short = 127;
        let [_, _, long @ ..] = &mut header;
        *long = (size as u64).to_be_bytes();
        (header, 10)
    }
}

impl Io {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.held_up = true;
        ready!(this.poll_rest(cx))?;
        let sent = ready!(this.io.poll_write(cx, bytes))?;
        this.held_up = sent < bytes.len();
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        match &mut this.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        match &mut this.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;

    #[tokio::test]
    async fn frames_of_all_lengths_arrive_whole_and_in_order_however_slowly_they_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let texts: Vec<Bytes> = [0, 125, 126, 0xffff, 0x1_0000, 3_000_000, 7, 2_000_000, 1]
            .into_iter()
            .map(|length| Bytes::from(vec![b'x'; length]))
            .collect();
        let expected = texts.clone();
        let reader = tokio::spawn(async move {
            let mut socket = WebSocketStream::from_raw_socket(peer.unwrap(), Role::Client, None).await;
            // The kernels are full before anything is read.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            for text in expected {
                let Message::Text(got) = socket.next().await.unwrap().unwrap() else { panic!("no text") };
                assert_eq!(got.len(), text.len());
            }
        });
        let mut stream = Stream::new(Io::Plain(accepted.unwrap().0));
        let mut short = 0;
        for text in &texts {
            if !stream.is_between_frames() {
                stream.flush().await.unwrap();
            }
            stream.begin(text).unwrap();
            short += usize::from(!stream.is_through());
        }
        assert!(short > 0, "the kernel took everything at once: nothing was tested");
        stream.flush().await.unwrap();
        reader.await.unwrap();
    }
}
