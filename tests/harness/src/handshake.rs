//! The opening of a WebSocket, with every header under control.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tungstenite::Error;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::{HeaderName, HeaderValue};

use crate::cloud::{Cloud, Device};
use crate::socket::Socket;
use crate::wait::PATIENCE;

/// A request for an upgrade.
#[derive(Debug, Clone)]
pub struct Handshake {
    address: SocketAddr,
    authority: Option<RootCertStore>,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// An answer that is no upgrade.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Names and values but for `date`, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// TCP with or without TLS.
pub(crate) trait Stream: Read + Write + Send + std::fmt::Debug {
    /// The socket below.
    fn tcp(&self) -> &TcpStream;
}

impl Handshake {
    /// `path` at `address`, over TLS, trusting the authority in the file `ca`.
    pub fn tls(address: SocketAddr, ca: &Path, path: &str) -> Self {
        let mut authority = RootCertStore::empty();
        let pem = fs::read(ca).expect("the authority's certificate");
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            authority.add(certificate.expect("a certificate")).expect("an authority");
        }
        Self { address, authority: Some(authority), path: path.to_owned(), headers: Vec::new() }
    }

    /// `path` at `address`, without TLS.
    pub fn plain(address: SocketAddr, path: &str) -> Self {
        Self { address, authority: None, path: path.to_owned(), headers: Vec::new() }
    }

    /// The device door of `cloud`, over TLS, as `device`.
    pub fn device(cloud: &Cloud, device: &Device) -> Self {
        let path = format!("/ws/device/{}", device.id);
        Self::tls(cloud.tls(), &cloud.ca_file(), &path).bearer(&device.token)
    }

    /// The dashboard door of `cloud` for `device`, as a browser opens it: with the cookie of a login.
    pub fn dashboard(cloud: &Cloud, device: &str) -> Self {
        let path = format!("/ws/device/{device}");
        let api = cloud.api();
        Self::plain(cloud.plain(), &path).header("cookie", api.cookie()).header("origin", &cloud.origin())
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((HeaderName::from_static(name), value.parse().expect("a header's value")));
        self
    }

    /// With a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Offering `ems.v1`.
    #[must_use]
    pub fn typed(self) -> Self {
        self.header("sec-websocket-protocol", "ems.v1")
    }

    /// Opens the socket, or gives the answer that was no upgrade.
    #[track_caller]
    pub fn open(&self) -> Result<Socket, Refusal> {
        let mut request =
            format!("ws://{}{}", self.address, self.path).into_client_request().expect("a request");
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        let upgraded = tungstenite::client(request, self.stream());
        match upgraded {
            Ok((socket, answer)) => {
                let protocol = answer.headers().get("sec-websocket-protocol");
                Ok(Socket::new(socket, protocol.map(|value| value.to_str().expect("ASCII").to_owned())))
            }
            Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(Refusal::of(&answer)),
            Err(other) => panic!("the upgrade at {} broke: {other}", self.path),
        }
    }

    /// Opens the socket; anything else fails the test.
    #[track_caller]
    pub fn connect(&self) -> Socket {
        self.open().unwrap_or_else(|refusal| panic!("no upgrade at {}: {refusal:?}", self.path))
    }

    fn stream(&self) -> Box<dyn Stream> {
        let tcp = TcpStream::connect_timeout(&self.address, PATIENCE).expect("a server");
        tcp.set_nodelay(true).expect("a socket option");
        tcp.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        tcp.set_write_timeout(Some(Duration::from_secs(10))).expect("a socket option");
        let Some(authority) = self.authority.clone() else { return Box::new(tcp) };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(authority)
            .with_no_client_auth();
        let name = ServerName::from(self.address.ip());
        let tls = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        Box::new(StreamOwned::new(tls, tcp))
    }
}

impl Refusal {
    fn of(answer: &tungstenite::http::Response<Option<Vec<u8>>>) -> Self {
        let headers = answer.headers().iter().filter(|(name, _)| *name != "date");
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
        headers.sort();
        let body = answer.body().as_deref().unwrap_or_default();
        Self { status: answer.status().as_u16(), headers, body: String::from_utf8_lossy(body).into_owned() }
    }
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

impl Stream for Box<dyn Stream> {
    fn tcp(&self) -> &TcpStream {
        (**self).tcp()
    }
}

/// Whether nothing has come yet within the socket's time limit.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
