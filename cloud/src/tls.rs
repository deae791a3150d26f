//! The server's side of TLS.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::data_dir::DataDir;
use crate::server::StartError;

/// TLS 1.2 and 1.3 with the certificate in the data folder.
pub(crate) fn acceptor(data: &DataDir) -> Result<TlsAcceptor, StartError> {
    let (chain_path, key_path) = (data.server_certificate(), data.server_key());
    let chain = CertificateDer::pem_slice_iter(&read(&chain_path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| broken(&chain_path, &error))?;
    let key = PrivateKeyDer::from_pem_slice(&read(&key_path)?).map_err(|error| broken(&key_path, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| broken(&chain_path, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A file of the data folder.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| broken(path, &error))
}

fn broken(path: &Path, error: &dyn std::error::Error) -> StartError {
    StartError::Data { file: path.display().to_string(), reason: error.to_string() }
}
