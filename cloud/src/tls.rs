//! The server's side of TLS. A renewed certificate is taken over while the server runs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

use crate::data_dir::DataDir;
use crate::server::{INIT, StartError};

/// How often the files are looked at. SIGHUP asks for it at once.
const WATCH: Duration = Duration::from_secs(5);

/// The certificate in the data folder, as it was when it was last whole.
pub(crate) struct Tls {
    data: DataDir,
    acceptor: RwLock<TlsAcceptor>,
}

impl Tls {
    /// Reads the certificate and its key.
    pub(crate) fn open(data: &DataDir) -> Result<Self, StartError> {
        Ok(Self { data: data.clone(), acceptor: RwLock::new(acceptor(data)?) })
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Follows the files for as long as the server runs.
    pub(crate) async fn keep_watch(&self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        let mut seen = self.stamp();
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                () = sleep(WATCH) => false,
            };
            let now = self.stamp();
            if now == seen && !asked {
                continue;
            }
            seen = now;
            match acceptor(&self.data) {
                Ok(new) => {
                    *self.acceptor.write().unwrap_or_else(std::sync::PoisonError::into_inner) = new;
                    info!("the certificate was read anew: new connections get it");
                }
                // The second of the two files may be on its way: its arrival is the next change.
                Err(error) => error!(%error, "the certificate stays as it was"),
            }
        }
    }

    fn stamp(&self) -> [Option<(u64, i64, i64, u64)>; 2] {
        [self.data.server_certificate(), self.data.server_key()].map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
        })
    }
}

/// TLS 1.2 and 1.3 with the certificate in the data folder.
fn acceptor(data: &DataDir) -> Result<TlsAcceptor, StartError> {
    const REMEDY: &str = "restore it from a backup, or put a new pair of server.pem and server.key in place";
    let (chain_path, key_path) = (data.server_certificate(), data.server_key());
    let chain = CertificateDer::pem_slice_iter(&read(&chain_path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| broken(&chain_path, &format!("{error}; {REMEDY}")))?;
    if chain.is_empty() {
        return Err(broken(&chain_path, &format!("there is no certificate in it (PEM); {REMEDY}")));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&key_path)?)
        .map_err(|error| broken(&key_path, &format!("{error}; {REMEDY}")))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => broken(
                &chain_path,
                "server.key is not the key of this certificate: put both files of one pair in place",
            ),
            error => broken(&chain_path, &format!("{error}; {REMEDY}")),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A file of the data folder.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => broken(path, &format!("{error}; {INIT}")),
        _ => broken(path, &format!("{error}; it has to be a file that this user may read")),
    })
}

fn broken(path: &Path, reason: &str) -> StartError {
    StartError::Data { file: path.display().to_string(), reason: reason.to_owned() }
}
