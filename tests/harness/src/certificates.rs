//! An authority and a server's certificate for 127.0.0.1, made for one test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Paths of PEM files.
#[derive(Debug)]
pub struct Certificates {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them in `dir`.
    pub fn make(dir: &Path) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.distinguished_name.push(DnType::CommonName, "an authority for one test");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = authority.self_signed(&authority_key).expect("an authority");

        let key = KeyPair::generate().expect("a key");
        let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        server.distinguished_name.push(DnType::CommonName, "a server for one test");
        server.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_params(&authority, &authority_key);
        let certificate = server.signed_by(&key, &issuer).expect("a certificate");

        let write = |name: &str, text: String| {
            let path = dir.join(name);
            fs::write(&path, text).expect("a PEM file");
            path
        };
        Self {
            ca: write("ca.pem", ca.pem()),
            certificate: write("server.pem", certificate.pem()),
            key: write("server.key", key.serialize_pem()),
        }
    }
}
