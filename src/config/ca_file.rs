//! Certificates of the authority that signed the cloud's.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::file::read_bounded;
use super::mistake::Refusal;

/// Mozilla's whole list of roots is a quarter of this, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A PEM file and the certificates in it, at least one.
#[derive(Clone, PartialEq, Eq)]
pub struct CaFile {
    path: PathBuf,
    certificates: Vec<CertificateDer<'static>>,
}

impl CaFile {
    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The certificates, each of which can be a trust anchor.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

impl fmt::Debug for CaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaFile({}, {} certificates)", self.path.display(), self.certificates.len())
    }
}

/// A path to a file that holds at least one certificate; nothing means the system's roots.
pub(super) fn parse(text: &str) -> Result<Option<CaFile>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(text);
    let pem = read_bounded(&path, MAX_BYTES)
        .map_err(|error| format!("{error}; expected a file with a certificate in PEM"))?
        .bytes;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "is damaged PEM: copy the certificate again, with its BEGIN and END lines")?;
    if certificates.is_empty() {
        return Err("holds no certificate; expected PEM with a line -----BEGIN CERTIFICATE-----".into());
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(certificate.clone())
            .map_err(|_| "holds a block that is no X.509 certificate: copy the file again")?;
    }
    Ok(Some(CaFile { path, certificates }))
}
