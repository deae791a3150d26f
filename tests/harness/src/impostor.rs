//! A server that is not ours and does what it likes, on loopback without TLS.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::HeaderValue;

use crate::handshake::{Stream, is_timeout};
use crate::socket::Socket;
use crate::wait::{PATIENCE, until};

/// A listening port.
#[derive(Debug)]
pub struct Impostor {
    listener: TcpListener,
}

impl Impostor {
    /// Listens on a port of its own.
    pub fn listen() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket option");
        Self { listener }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// `SERVER_URL` for it.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    /// Takes the next connection; nothing is read or said yet.
    #[track_caller]
    pub fn accept(&self) -> TcpStream {
        let (tcp, _) = until("a connection", || match self.listener.accept() {
            Ok(accepted) => Some(accepted),
            Err(error) if is_timeout(&error) => None,
            Err(error) => panic!("the impostor cannot accept: {error}"),
        });
        tcp.set_nonblocking(false).expect("a socket option");
        tcp.set_nodelay(true).expect("a socket option");
        tcp.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        tcp.set_write_timeout(Some(PATIENCE)).expect("a socket option");
        tcp
    }

    /// Takes the next connection and reads its HTTP request.
    #[track_caller]
    pub fn request(&self) -> (TcpStream, String) {
        let mut tcp = self.accept();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            tcp.read_exact(&mut byte).expect("a request");
            head.extend(byte);
        }
        (tcp, String::from_utf8(head).expect("a request of ASCII"))
    }

    /// Takes the next connection and answers its request with this status and these header lines.
    #[track_caller]
    pub fn answer(&self, status: &str, headers: &str) {
        let (mut tcp, _) = self.request();
        let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n");
        tcp.write_all(answer.as_bytes()).expect("a client that listens");
    }

    /// Takes the next connection and its upgrade, agreeing to `ems.v1` if `typed`.
    #[track_caller]
    pub fn upgrade(&self, typed: bool) -> Socket {
        let stream: Box<dyn Stream> = Box::new(self.accept());
        let mut chosen = None;
        #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
        let agree = |_: &Request, mut answer: Response| -> Result<Response, ErrorResponse> {
            if typed {
                answer.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("ems.v1"));
                chosen = Some("ems.v1".to_owned());
            }
            Ok(answer)
        };
        let socket = tungstenite::accept_hdr(stream, agree).expect("an upgrade");
        Socket::new(socket, chosen)
    }
}
