//! A certificate authority for one site, and the server's certificate signed by it.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::clock;

/// Names that always reach the machine itself.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const CA_YEARS: i64 = 10;
/// Longer ones are refused by Apple's systems, also from authorities that the user added.
const SERVER_DAYS: i64 = 825;
/// A device without a battery-backed clock may lag behind.
const BACKDATED: Duration = Duration::days(7);

/// PEM texts of what was made.
pub struct Certificates {
    /// The authority's certificate, to be given to devices.
    pub ca_certificate: String,
    /// The authority's key.
    pub ca_key: String,
    /// The server's certificate.
    pub server_certificate: String,
    /// The server's key.
    pub server_key: String,
}

/// Makes an authority and a server certificate for this machine's local names and `hosts` (names or addresses).
pub fn generate(hosts: &[String]) -> Result<Certificates, rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let ca = authority()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let server_key = KeyPair::generate()?;
    let server_certificate = server(hosts, &server_key, &Issuer::from_params(&ca, &ca_key))?;
    Ok(Certificates {
        ca_certificate: ca_certificate.pem(),
        ca_key: ca_key.serialize_pem(),
        server_certificate: server_certificate.pem(),
        server_key: server_key.serialize_pem(),
    })
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "ems-cloud local CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, Duration::days(CA_YEARS * 365));
    Ok(params)
}

fn server(
    hosts: &[String],
    key: &KeyPair,
    issuer: &Issuer<'_, &KeyPair>,
) -> Result<Certificate, rcgen::Error> {
    let mut names: Vec<String> = LOCAL.map(String::from).to_vec();
    for host in hosts {
        if !names.contains(host) {
            names.push(host.clone());
        }
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "ems-cloud");
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    set_validity(&mut params, Duration::days(SERVER_DAYS) - BACKDATED);
    params.signed_by(key, issuer)
}

fn set_validity(params: &mut CertificateParams, length: Duration) {
    let now = OffsetDateTime::from_unix_timestamp(clock::now().millis() / 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - BACKDATED;
    params.not_after = now + length;
}
