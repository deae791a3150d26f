//! Opening connections: from many loopback addresses, a bounded number at a time.

use std::cell::Cell;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Failure;
use crate::arguments::Target;
use crate::socket::{Socket, Stream};

/// A connection that takes longer to open has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key of RFC 6455 section 1.3, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Opens connections to the server.
pub(crate) struct Dialer {
    server: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    device_path: String,
    dashboard_path: String,
    user: Option<String>,
    sources: u8,
    next_source: Cell<u8>,
    opening: Semaphore,
    /// Devices may speak `ems.v1`.
    pub(crate) typed: bool,
    /// Ids and tokens.
    pub(crate) devices: Vec<Identity>,
}

/// A device's id and token. Without `Debug`: it holds a secret.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) id: String,
    token: String,
}

impl Dialer {
    pub(crate) fn new(target: &Target) -> Result<Self, Failure> {
        let devices = fs::read_to_string(&target.devices)
            .map_err(|error| format!("{}: {error}", target.devices.display()))?
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(id, token)| Identity { id: id.to_owned(), token: token.to_owned() })
            .collect();
        let user = target.user.as_ref().map(fs::read_to_string).transpose()?;
        let tls = match &target.ca {
            None => None,
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(path)? {
                    roots.add(certificate?)?;
                }
                let config =
                    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                        .with_safe_default_protocol_versions()?
                        .with_root_certificates(roots)
                        .with_no_client_auth();
                Some((TlsConnector::from(Arc::new(config)), ServerName::try_from(target.name.clone())?))
            }
        };
        Ok(Self {
            server: target.server,
            tls,
            device_path: target.device_path.clone(),
            dashboard_path: target.dashboard_path.clone(),
            user: user.map(|text| text.trim().to_owned()),
            sources: target.sources,
            next_source: Cell::new(0),
            opening: Semaphore::new(target.opening),
            typed: target.typed,
            devices,
        })
    }

    /// The first `count` devices.
    pub(crate) fn some(&self, count: usize) -> Result<&[Identity], Failure> {
        let words = || format!("{count} devices are wanted, but the file names {}", self.devices.len());
        self.devices.get(..count).ok_or_else(|| words().into())
    }

    /// Connects as a device.
    pub(crate) async fn device(&self, device: &Identity) -> Result<Socket, Failure> {
        let path = self.device_path.replace("{id}", &device.id);
        self.open(&path, Some(&device.token), self.typed, None).await
    }

    /// Connects as a dashboard of the device.
    pub(crate) async fn dashboard(&self, id: &str) -> Result<Socket, Failure> {
        let path = self.dashboard_path.replace("{id}", id);
        self.open(&path, self.user.as_deref(), false, None).await
    }

    /// Connects to the event door, with a kernel that takes little.
    pub(crate) async fn narrow(&self, path: &str) -> Result<Socket, Failure> {
        self.open(path, self.user.as_deref(), true, Some(4096)).await
    }

    /// A TCP connection and nothing more.
    pub(crate) async fn tcp(&self, receive_buffer: Option<u32>) -> Result<TcpStream, Failure> {
        let source = self.next_source.get();
        self.next_source.set((source + 1) % self.sources);
        let socket = match self.server.ip() {
            IpAddr::V4(_) => TcpSocket::new_v4()?,
            IpAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        if self.server.is_ipv4() {
            socket.bind((Ipv4Addr::new(127, 0, 0, source + 1), 0).into())?;
        }
        let stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn open(
        &self,
        path: &str,
        bearer: Option<&str>,
        typed: bool,
        receive_buffer: Option<u32>,
    ) -> Result<Socket, Failure> {
        let _turn = self.opening.acquire().await?;
        timeout(PATIENCE, async {
            let stream = self.tcp(receive_buffer).await?;
            let stream: Box<dyn Stream> = match &self.tls {
                None => Box::new(stream),
                Some((tls, name)) => Box::new(tls.connect(name.clone(), stream).await?),
            };
            upgrade(stream, self.server, path, bearer, typed).await
        })
        .await
        .map_err(|_| format!("{path}: the connection took longer than {} s", PATIENCE.as_secs()))?
    }
}

async fn upgrade(
    mut stream: Box<dyn Stream>,
    host: SocketAddr,
    path: &str,
    bearer: Option<&str>,
    typed: bool,
) -> Result<Socket, Failure> {
    let authorization = bearer.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let protocol = if typed {
        format!("Sec-WebSocket-Protocol: {}\r\n", ems_protocol::SUBPROTOCOL)
    } else {
        String::new()
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{authorization}{protocol}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut input = BytesMut::with_capacity(1024);
    let end = loop {
        if let Some(end) = find(&input, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Err(format!("{path}: closed instead of an answer").into());
        }
    };
    let head = input.split_to(end);
    if head.starts_with(b"HTTP/1.1 101") && find(&head, ACCEPT).is_some() {
        return Ok(Socket::new(stream, input));
    }
    let line = head.as_ref().split(|&byte| byte == b'\r').next().unwrap_or_default();
    Err(format!("{path}: answered with {}", String::from_utf8_lossy(line)).into())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
