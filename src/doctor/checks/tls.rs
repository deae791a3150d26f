//! The server's certificate, and why it is not trusted.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::uplink::{DialError, Stage, TlsFault};

pub(super) fn judge(facts: &Facts) -> Verdict {
    let (Some(way), Some(config)) = (facts.way(), facts.settings()) else {
        return Verdict::Skipped("there is no server to look for".to_owned());
    };
    let trusted = match &config.ca_file {
        Some(file) => format!("CA_FILE ({})", file.path().display()),
        None => "this system's authorities".to_owned(),
    };
    match &way.tls {
        Stage::Works(true) => Verdict::Ok(format!("the certificate is signed by {trusted}")),
        Stage::Works(false) => Verdict::Skipped("SERVER_URL is without TLS, on this machine".to_owned()),
        Stage::Failed(DialError::Tls(_, failure)) => {
            let code = match failure.fault {
                TlsFault::UnknownAuthority => {
                    return Verdict::failed(
                        "tls.unknown_authority",
                        format!(
                            "the server's certificate is signed by an authority that is not in {trusted}"
                        ),
                        "set CA_FILE to the certificate of the authority that signed it: ca.pem in the data folder of ems-cloud",
                    );
                }
                TlsFault::NotYetValid => "tls.not_yet_valid",
                TlsFault::Expired => "tls.expired",
                TlsFault::WrongName => "tls.wrong_name",
                TlsFault::AuthorityAsServer => "tls.authority_as_server",
                TlsFault::Certificate => "tls.certificate",
                TlsFault::NotTls => "tls.not_tls",
                TlsFault::Broken => "tls.broken",
            };
            let text = failure.to_string();
            let (what, remedy) = text.rsplit_once(": ").unwrap_or((&text, "check the server"));
            Verdict::failed(code, what, remedy)
        }
        Stage::Failed(error) => Verdict::failed_as_said("tls.broken", &error.to_string()),
        Stage::Late | Stage::NotTried => Verdict::failed(
            "tls.broken",
            "the TLS handshake does not end in time",
            "check the server, and firewalls on the way",
        ),
    }
}
