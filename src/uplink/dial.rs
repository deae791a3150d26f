//! From a host name to a WebSocket: DNS, TCP, TLS, upgrade, each with a time limit of its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ems_protocol::{DeviceId, Timestamp};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::proxy::Proxy;
use super::tls::{TlsFailure, TlsSettings, TrustError, settings};
use super::upgrade::{Mode, Upgraded, upgrade};
use super::wire::Wire;
use crate::config::{CaFile, Secret, ServerUrl};

/// How long the resolver may take.
const DNS_LIMIT: Duration = Duration::from_secs(10);
/// How long one address may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the TLS handshake may take.
const TLS_LIMIT: Duration = Duration::from_secs(15);
/// How long the server may take to answer the upgrade.
const UPGRADE_LIMIT: Duration = Duration::from_secs(15);

/// Why there is no connection, in the words of a technician.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name {0} cannot be resolved ({1}): check the network and SERVER_URL")]
    Dns(String, io::Error),
    /// Nobody answers at any address.
    #[error("no connection to {0} ({1}): check the network, and whether the server runs")]
    Connect(String, io::Error),
    /// The proxy does not help.
    #[error("the proxy {0} of HTTPS_PROXY: {1}: check the proxy, and HTTPS_PROXY in the unit's environment")]
    Proxy(String, String),
    /// No trust.
    #[error("no TLS with {0}: {1}")]
    Tls(String, TlsFailure),
    /// The connection broke during the upgrade.
    #[error("the connection broke during the WebSocket upgrade ({0})")]
    Upgrade(io::Error),
    /// The server does not take this device.
    #[error("the server refuses this device (HTTP {0}): check DEVICE_ID and API_TOKEN")]
    Refused(u16),
    /// The server cannot serve now.
    #[error("the server is not available (HTTP {0})")]
    Unavailable(u16, Option<Duration>),
    /// Something else answers.
    #[error("what answers is no WebSocket server: {0}")]
    NotWebSocket(String),
}

impl DialError {
    /// The sort of failure: another sort is news, other words of the same sort are not.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Dns(..) => "dns",
            Self::Connect(..) => "connect",
            Self::Proxy(..) => "proxy",
            Self::Tls(..) => "tls",
            Self::Refused(_) => "refused",
            Self::Unavailable(..) => "unavailable",
            Self::Upgrade(_) | Self::NotWebSocket(_) => "upgrade",
        }
    }
}

/// A stream with or without TLS: without it only to this machine itself, which the configuration sees to.
pub(super) trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl Stream for TcpStream {}
impl Stream for TlsStream<TcpStream> {}

/// Whom to call, and with what.
#[derive(Debug)]
pub struct Dialer {
    host: String,
    port: u16,
    /// Host and port as in the URL, for the `Host` header and for log lines.
    authority: String,
    path: String,
    token: Secret,
    /// Tried when the server refuses the token: one of the two is being replaced by the other.
    spare: Option<Secret>,
    /// Whether `token` and `spare` have changed places.
    is_swapped: bool,
    /// Asked for a tunnel, where the environment names one.
    proxy: Option<Proxy>,
    /// `None` when the endpoint is plain ws on loopback.
    tls: Option<TlsSettings>,
}

impl Dialer {
    /// Certificates are checked as of `last_good` (seconds since 1970) at the earliest.
    ///
    /// Calls `server` as `device_id`, trusting `authorities` alone, or the system's authorities without one.
    pub fn new(
        server: &ServerUrl,
        device_id: &DeviceId,
        token: Secret,
        authorities: Option<&CaFile>,
        proxy: Option<Proxy>,
        last_good: u64,
    ) -> Result<Self, TrustError> {
        let tls = if server.is_tls() {
            Some(settings(last_good, server.server_name().clone(), authorities)?)
        } else {
            None
        };
        let url = server.to_string();
        let authority = url.split_once("://").map_or("", |(_, authority)| authority).to_owned();
        let path = format!("/ws/device/{device_id}");
        Ok(Self {
            host: server.host(),
            port: server.port(),
            authority,
            path,
            token,
            spare: None,
            is_swapped: false,
            proxy,
            tls,
        })
    }

    /// The same, with another token to try when the server refuses the first.
    #[must_use]
    pub fn with_spare(self, spare: Option<Secret>) -> Self {
        Self { spare, ..self }
    }

    /// The server refuses the token: takes the other one; true if it is worth an attempt at once, false if both have
    /// been refused now.
    pub(super) fn swap_token(&mut self) -> bool {
        let Some(spare) = &mut self.spare else { return false };
        std::mem::swap(&mut self.token, spare);
        self.is_swapped = !self.is_swapped;
        self.is_swapped
    }

    /// What a server says, who has been told the tokens, without them.
    pub(super) fn without_tokens(&self, said: &str) -> String {
        let masked = self.token.masked_in(said);
        self.spare.as_ref().map_or_else(|| masked.clone(), |spare| spare.masked_in(&masked))
    }

    /// Whether the token is the other one.
    pub(super) fn is_swapped(&self) -> bool {
        self.is_swapped
    }

    /// The server, for log lines.
    pub fn server(&self) -> &str {
        &self.authority
    }

    /// One attempt.
    pub async fn dial(&self) -> Result<(Wire, Mode), DialError> {
        let tcp = self.reach().await?;
        let stream = self.secure(tcp).await?;
        let Upgraded { socket, mode, .. } = self.upgrade(stream).await?;
        Ok((Wire::new(socket), mode))
    }

    /// TLS on a connection, where the endpoint has it.
    pub(super) async fn secure(&self, tcp: TcpStream) -> Result<Box<dyn Stream>, DialError> {
        Ok(match &self.tls {
            None => Box::new(tcp),
            Some(tls) => Box::new(self.handshake(tls, tcp).await?),
        })
    }

    /// The WebSocket on a connection, with the token.
    pub(super) async fn upgrade(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<Upgraded<Box<dyn Stream>>, DialError> {
        let upgraded = upgrade(stream, &self.authority, &self.path, &self.token);
        limited(UPGRADE_LIMIT, upgraded, DialError::Upgrade).await
    }

    /// Whether the server can be right that it is this late: not after the end of the certificate that it has shown.
    pub(super) fn can_be_as_late_as(&self, time: Timestamp) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.is_over_at(time))
    }

    /// Whether the endpoint has TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// A TCP connection to the server, or through the proxy to it.
    async fn reach(&self) -> Result<TcpStream, DialError> {
        let addresses = self.resolve().await?;
        self.connect(&addresses).await
    }

    /// Where the first connection goes: to the server or the proxy.
    pub(super) async fn resolve(&self) -> Result<Vec<SocketAddr>, DialError> {
        match &self.proxy {
            None => resolve(&self.host, self.port).await,
            Some(proxy) => resolve(&proxy.host, proxy.port).await.map_err(|error| proxy.in_the_way(error)),
        }
    }

    /// A connection to the server over one of `addresses`.
    pub(super) async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
        let Some(proxy) = &self.proxy else {
            return connect(&self.authority, addresses).await;
        };
        let reached = connect(&proxy.host, addresses).await;
        let mut tcp = reached.map_err(|error| proxy.in_the_way(error))?;
        let target = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        limited(CONNECT_LIMIT, proxy.tunnel(&mut tcp, &target), |error| proxy.failed(error)).await?;
        Ok(tcp)
    }

    async fn handshake(&self, tls: &TlsSettings, tcp: TcpStream) -> Result<TlsStream<TcpStream>, DialError> {
        let failed = |error: io::Error| DialError::Tls(self.authority.clone(), TlsFailure::of(&error));
        let attempt = async { tls.connector.connect(tls.name.clone(), tcp).await.map_err(failed) };
        let stream = limited(TLS_LIMIT, attempt, failed).await?;
        tls.note(stream.get_ref().1);
        Ok(stream)
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    let failed = |error| DialError::Dns(host.to_owned(), error);
    let lookup = async {
        tokio::net::lookup_host((host, port)).await.map(Iterator::collect::<Vec<_>>).map_err(failed)
    };
    limited(DNS_LIMIT, lookup, failed).await
}

/// The first address that answers; `whom` is for the error.
async fn connect(whom: &str, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let failed = |error| DialError::Connect(whom.to_owned(), error);
    let mut last = failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    for address in addresses {
        let attempt = async { TcpStream::connect(address).await.map_err(failed) };
        match limited(CONNECT_LIMIT, attempt, failed).await {
            Ok(tcp) => {
                // A sample a second: waiting to fill a segment would only delay it.
                tcp.set_nodelay(true).map_err(failed)?;
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn limited<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, DialError>>,
    late: impl Fn(io::Error) -> DialError,
) -> Result<T, DialError> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        Err(late(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs()))))
    })
}
