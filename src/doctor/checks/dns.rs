//! The server's name has an address.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::uplink::{DialError, Stage};

pub(super) fn judge(facts: &Facts) -> Verdict {
    let findings = match &facts.network {
        Some(Ok(findings)) => findings,
        Some(Err(why)) => return Verdict::failed_as_said("dns.setup", why),
        None => return Verdict::Skipped("there is no server to look for".to_owned()),
    };
    match &findings.dns {
        Stage::Works(addresses) => {
            Verdict::Ok(addresses.first().map(|address| address.ip().to_string()).unwrap_or_default())
        }
        Stage::Failed(DialError::Proxy(proxy, why)) => super::useless_proxy("dns.proxy", proxy, why),
        Stage::Failed(error) => {
            let text = error.to_string();
            let what = text.split_once(": check").map_or(text.as_str(), |(what, _)| what);
            // What getaddrinfo(3) says of a resolver that does not answer, as opposed to a name that does not exist.
            if text.contains("Temporary failure") || text.contains("no answer within") {
                Verdict::failed(
                    "dns.down",
                    format!("{what}: no name server answers"),
                    "check the network cable, Wi-Fi or modem, and the name server in /etc/resolv.conf",
                )
            } else {
                Verdict::failed("dns.unknown", what, "check the host in SERVER_URL")
            }
        }
        Stage::Late | Stage::NotTried => Verdict::failed(
            "dns.down",
            "no name server answers in time",
            "check the network cable, Wi-Fi or modem, and the name server in /etc/resolv.conf",
        ),
    }
}
