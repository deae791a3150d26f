//! Whom to trust.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ems_protocol::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use tokio_rustls::TlsConnector;
use tracing::warn;

use crate::clock::{SystemTime, TimeSource as _};
use crate::config::CaFile;
use crate::words::printable;

/// Trust that cannot be established: a configuration error.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The system has no roots.
    #[error("this system has no certificate authorities: apt install ca-certificates, or set CA_FILE")]
    NoSystemRoots,
    /// rustls refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// What a TLS handshake needs, and what the last one has shown.
pub(super) struct TlsSettings {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
    /// The certificates of the server that was reached last, its own first.
    presented: Mutex<Vec<CertificateDer<'static>>>,
}

impl TlsSettings {
    /// Remembers what the server has presented.
    pub(super) fn note(&self, connection: &ClientConnection) {
        let presented = connection.peer_certificates().unwrap_or_default();
        *self.presented.lock().unwrap_or_else(PoisonError::into_inner) =
            presented.iter().map(|certificate| certificate.clone().into_owned()).collect();
    }

    /// Whether the server's own certificate is over at `time`. A server that says it is that late is wrong: believed,
    /// and remembered as a time that has passed, it would lock this device out of every server for good.
    pub(super) fn is_over_at(&self, time: Timestamp) -> bool {
        let presented = self.presented.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((own, intermediates)) = presented.split_first() else { return false };
        let seconds = u64::try_from(time.millis() / 1000).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let verified = self.verifier.verify_server_cert(own, intermediates, &self.name, &[], at);
        let Err(rustls::Error::InvalidCertificate(why)) = verified else { return false };
        matches!(why, CertificateError::Expired | CertificateError::ExpiredContext { .. })
    }
}

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSettings").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The time that certificates are checked against: a board without a clock battery wakes up in the past, and a
/// certificate made since then would be "not yet valid". Where somebody keeps the clock right, it alone counts: a time
/// that was remembered while it was wrong must not outlive that.
#[derive(Debug)]
struct NotBefore {
    /// Seconds since 1970 at which the clock was right once.
    last_good: u64,
}

/// When this program was built, in seconds since 1970 (`build.rs`).
const BUILT: &str = env!("EMS_BUILD_SECONDS");

impl TimeProvider for NotBefore {
    fn current_time(&self) -> Option<UnixTime> {
        let system = u64::try_from(SystemTime.realtime_ms() / 1000).unwrap_or(0);
        let last_good = if SystemTime.synchronised() { 0 } else { self.last_good };
        let built = BUILT.parse().unwrap_or(0);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(system.max(built).max(last_good))))
    }
}

/// TLS settings for a server called `name`, trusting `authorities` alone, or the system's authorities without one.
pub(super) fn settings(
    last_good: u64,
    name: ServerName<'static>,
    authorities: Option<&CaFile>,
) -> Result<TlsSettings, TrustError> {
    let roots = match authorities {
        Some(file) => {
            let mut roots = RootCertStore::empty();
            // The configuration has checked each one: this refuses none of them.
            roots.add_parsable_certificates(file.certificates().iter().cloned());
            roots
        }
        None => roots_of_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let config = ClientConfig::builder_with_details(provider, Arc::new(NotBefore { last_good }))
        .with_safe_default_protocol_versions()?
        .with_webpki_verifier(verifier.clone())
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    Ok(TlsSettings { connector, name, verifier, presented: Mutex::default() })
}

fn roots_of_system() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        warn!("a system certificate is left out: {error}");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() { Err(TrustError::NoSystemRoots) } else { Ok(roots) }
}

/// Why a handshake failed, for the person in front of it. Displays as cause and remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFailure {
    /// The sort of failure.
    pub fault: TlsFault,
    cause: String,
    remedy: &'static str,
}

/// The sort of a failed handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// Nobody trusted has signed the certificate.
    UnknownAuthority,
    /// Its time has not come.
    NotYetValid,
    /// Its time is over.
    Expired,
    /// It is for other names.
    WrongName,
    /// An authority's certificate that the server presents as its own (`CaUsedAsEndEntity`).
    AuthorityAsServer,
    /// Something else is wrong with it.
    Certificate,
    /// What answers does not speak TLS.
    NotTls,
    /// The handshake broke off.
    Broken,
}

impl TlsFault {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownAuthority => "unknown_authority",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::WrongName => "wrong_name",
            Self::AuthorityAsServer => "authority_as_server",
            Self::Certificate => "certificate",
            Self::NotTls => "not_tls",
            Self::Broken => "broken",
        }
    }
}

impl std::fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.cause, self.remedy)
    }
}

impl TlsFailure {
    pub(super) fn of(error: &io::Error) -> Self {
        let new = |fault, cause: String, remedy| Self { fault, cause, remedy };
        match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => Self::of_certificate(why),
            Some(rustls::Error::InvalidMessage(_)) => new(
                TlsFault::NotTls,
                "what answers does not speak TLS".to_owned(),
                "check SERVER_URL and its port, or log in to the network's captive portal",
            ),
            Some(other) => {
                new(TlsFault::Broken, format!("the handshake failed ({other})"), "check the server")
            }
            None => new(
                TlsFault::Broken,
                format!("the handshake broke off ({error})"),
                "check SERVER_URL, the server, and firewalls on the way",
            ),
        }
    }

    fn of_certificate(why: &CertificateError) -> Self {
        let (fault, cause, remedy) = match why {
            CertificateError::UnknownIssuer => (
                TlsFault::UnknownAuthority,
                "the server's certificate is signed by an authority that is not trusted here".to_owned(),
                "set CA_FILE to that authority's certificate",
            ),
            // An authority of the same name with another key: one that was made anew.
            CertificateError::BadSignature => (
                TlsFault::UnknownAuthority,
                "the server's certificate is signed by an authority of the same name as the trusted one, with another key".to_owned(),
                "set CA_FILE to that authority's present certificate",
            ),
            CertificateError::NotValidYet => {
                (TlsFault::NotYetValid, "the server's certificate is not yet valid".to_owned(), CLOCK)
            }
            CertificateError::NotValidYetContext { time, not_before } => (
                TlsFault::NotYetValid,
                format!(
                    "the server's certificate is not yet valid: it begins on {}, and this machine takes it for {}",
                    day(*not_before),
                    day(*time)
                ),
                CLOCK,
            ),
            CertificateError::Expired => {
                (TlsFault::Expired, "the server's certificate has expired".to_owned(), RENEW)
            }
            CertificateError::ExpiredContext { time, not_after } => (
                TlsFault::Expired,
                format!(
                    "the server's certificate has expired on {}, and this machine takes it for {}",
                    day(*not_after),
                    day(*time)
                ),
                RENEW,
            ),
            CertificateError::NotValidForName => (
                TlsFault::WrongName,
                "the server's certificate is for another name than the one in SERVER_URL".to_owned(),
                "set SERVER_URL to a name that the certificate bears",
            ),
            CertificateError::NotValidForNameContext { expected, presented } => (
                TlsFault::WrongName,
                format!(
                    "the server's certificate is for another name than the one in SERVER_URL: for {}, not for {}",
                    printable(&presented.join(", ")),
                    expected.to_str()
                ),
                "set SERVER_URL to a name that the certificate bears",
            ),
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
                TlsFault::AuthorityAsServer,
                "the server presents an authority's certificate (CA:TRUE) as its own".to_owned(),
                "make an authority and let it sign a certificate with CA:FALSE for the server; `ems-cloud init` makes both",
            ),
            other => (
                TlsFault::Certificate,
                format!("the server's certificate is not accepted ({other})"),
                "give the server another certificate",
            ),
        };
        Self { fault, cause, remedy }
    }
}

const CLOCK: &str = "set this machine's clock (timedatectl)";
const RENEW: &str = "renew it on the server, or set this machine's clock if it is wrong (timedatectl)";

/// `2026-02-03`.
fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_millis(seconds.saturating_mul(1000)).to_string().chars().take(10).collect()
}
