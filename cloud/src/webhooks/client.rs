//! One request to a receiver: the address that was looked up is checked and connected to, nothing is followed, and
//! neither a receiver that hangs nor one that never ends holds it for long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::reach::Reach;
use super::target::Target;

/// From the look-up of the name to the end of the answer's head.
const LIMIT: Duration = Duration::from_secs(10);
/// What is read of the answer, in bytes, so that the receiver is not cut off in the middle of a short one.
const MAX_ANSWER: usize = 16 * 1024;
/// How long that may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;

/// Why no answer came. It does not name the address, which may hold a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("{0}")]
    Target(&'static str),
    #[error("the name {host} cannot be resolved: {error}")]
    Name { host: String, error: std::io::Error },
    #[error(
        "{host} leads to no address that may be reached: private networks are allowed with --webhook-allow"
    )]
    Reach { host: String },
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    #[error("no TLS: {0}")]
    Tls(String),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within 10 s")]
    Timeout,
}

/// Sends signed messages.
pub struct Client {
    reach: Reach,
    tls: Option<TlsConnector>,
}

impl Client {
    /// A client that reaches these addresses, and trusts the system's authorities.
    pub fn new(reach: Reach) -> Self {
        let mut roots = RootCertStore::empty();
        // Authorities that cannot be read are trusted by nobody.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()
            .filter(|_| !roots.is_empty())
            .map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
        Self { reach, tls: config.map(|config| TlsConnector::from(Arc::new(config))) }
    }

    /// Which addresses it reaches.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The status that a receiver answers to `body`.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: [(&'static str, String); 3],
        body: String,
    ) -> Result<u16, Failed> {
        let target = Target::parse(url).map_err(Failed::Target)?;
        let deadline = Instant::now() + LIMIT;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&target.path)
            .header(HOST, &target.authority)
            .header(USER_AGENT, concat!("ems-cloud/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Failed::Target("the address cannot be put into a request"))?;
        let stream = timeout_at(deadline, self.open(&target)).await.unwrap_or(Err(Failed::Timeout))?;
        talk(stream, request, deadline).await
    }

    /// A connection, with TLS where the address says so.
    async fn open(&self, target: &Target) -> Result<Box<dyn Stream>, Failed> {
        let stream = self.connect(target).await?;
        if !target.tls {
            return Ok(Box::new(stream));
        }
        let tls = self.tls.as_ref().ok_or_else(|| {
            Failed::Tls("this system has no certificate authorities: apt install ca-certificates".to_owned())
        })?;
        let name =
            ServerName::try_from(target.host.clone()).map_err(|error| Failed::Tls(error.to_string()))?;
        let stream = tls.connect(name, stream).await.map_err(|error| Failed::Tls(error.to_string()))?;
        Ok(Box::new(stream))
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, Failed> {
        let host = target.host.as_str();
        let found = lookup_host((host, target.port));
        let found: Vec<SocketAddr> =
            found.await.map_err(|error| Failed::Name { host: host.to_owned(), error })?.collect();
        let mut failed = Failed::Reach { host: host.to_owned() };
        for address in found.into_iter().filter(|found| self.reach.allows(found.ip())).take(MAX_ADDRESSES) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Failed::Connect(error),
            }
        }
        Err(failed)
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn talk(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    deadline: Instant,
) -> Result<u16, Failed> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_ANSWER)
        .handshake(TokioIo::new(stream))
        .await?;
    let exchange = async {
        let answer = timeout_at(deadline, sender.send_request(request)).await;
        let answer = answer.map_err(|_| Failed::Timeout)??;
        let status = answer.status().as_u16();
        // What it says beside the status is of no interest, and past the deadline it has answered all the same.
        let _ = timeout(ANSWER_LIMIT, Limited::new(answer.into_body(), MAX_ANSWER).collect()).await;
        Ok(status)
    };
    tokio::pin!(exchange);
    tokio::select! {
        status = &mut exchange => status,
        // The connection has ended; the exchange knows how.
        _ = connection => exchange.await,
    }
}
