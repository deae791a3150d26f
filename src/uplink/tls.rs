//! Whom to trust.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tracing::warn;

use crate::clock::{SystemTime, TimeSource as _};
use crate::config::CaFile;

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

/// What a TLS handshake needs.
pub(super) struct TlsSettings {
    pub(super) connector: TlsConnector,
    pub(super) name: rustls::pki_types::ServerName<'static>,
}

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSettings").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The time that certificates are checked against: a board without a clock battery wakes up in the past, and a
/// certificate made since then would be "not yet valid".
#[derive(Debug)]
struct NotBefore {
    /// Seconds since 1970 that have certainly passed: this program was built then, or the clock was right then.
    floor: u64,
}

/// When this program was built, in seconds since 1970 (`build.rs`).
const BUILT: &str = env!("EMS_BUILD_SECONDS");

impl TimeProvider for NotBefore {
    fn current_time(&self) -> Option<UnixTime> {
        let system = u64::try_from(SystemTime.realtime_ms() / 1000).unwrap_or(0);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(system.max(self.floor))))
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
    let time = Arc::new(NotBefore { floor: BUILT.parse().unwrap_or(0).max(last_good) });
    let config = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsSettings { connector: TlsConnector::from(Arc::new(config)), name })
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

/// What a failed handshake means for the person in front of it.
pub(super) fn explain(error: &io::Error) -> String {
    let Some(rustls_error) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return error.to_string();
    };
    match rustls_error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => {
                "the server's certificate is signed by an authority that is not trusted here: set CA_FILE to that authority's certificate".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not yet valid: is this machine's clock right (timedatectl)?".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired, or this machine's clock is wrong (timedatectl)".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name than the one in SERVER_URL".to_owned()
            }
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                "the server presents an authority's certificate as its own: give it a certificate that is signed by the authority instead".to_owned()
            }
            other => format!("the server's certificate is not accepted ({other})"),
        },
        other => other.to_string(),
    }
}
