//! An authority and a server's certificate for 127.0.0.1, made for one test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};

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

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// Its time was over long ago.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for a server called `elsewhere.example`.
    WrongName,
    /// Another authority than that in the file [`Certificates::ca`] has signed it.
    UnknownAuthority,
    /// It is the authority's own.
    AuthorityAsServer,
}

impl Certificates {
    /// Makes them in `dir`.
    pub fn make(dir: &Path) -> Self {
        Self::flawed(dir, Flaw::None)
    }

    /// Makes them in `dir`, with something wrong.
    pub fn flawed(dir: &Path, flaw: Flaw) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.distinguished_name.push(DnType::CommonName, "an authority for one test");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        if flaw == Flaw::AuthorityAsServer {
            let name = "127.0.0.1".parse().expect("an address");
            authority.subject_alt_names.push(SanType::IpAddress(name));
        }
        let ca = authority.self_signed(&authority_key).expect("an authority");
        let stranger_key = KeyPair::generate().expect("a key");
        let signer = if flaw == Flaw::UnknownAuthority { &stranger_key } else { &authority_key };

        let key = KeyPair::generate().expect("a key");
        let name = if flaw == Flaw::WrongName { "elsewhere.example" } else { "127.0.0.1" };
        let mut server = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        match flaw {
            Flaw::Expired => {
                (server.not_before, server.not_after) =
                    (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
            }
            Flaw::NotYetValid => {
                (server.not_before, server.not_after) =
                    (date_time_ymd(2101, 1, 1), date_time_ymd(2102, 1, 1));
            }
            _ => {}
        }
        server.distinguished_name.push(DnType::CommonName, "a server for one test");
        server.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_params(&authority, signer);
        let certificate = server.signed_by(&key, &issuer).expect("a certificate");

        let write = |name: &str, text: String| {
            let path = dir.join(name);
            fs::write(&path, text).expect("a PEM file");
            path
        };
        let (own, own_key) = match flaw {
            Flaw::AuthorityAsServer => (ca.pem(), authority_key.serialize_pem()),
            _ => (certificate.pem(), key.serialize_pem()),
        };
        Self {
            ca: write("ca.pem", ca.pem()),
            certificate: write("server.pem", own),
            key: write("server.key", own_key),
        }
    }
}
