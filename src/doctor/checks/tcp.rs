//! Somebody answers at the server's port.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::uplink::{DialError, Stage};

pub(super) fn judge(facts: &Facts) -> Verdict {
    let (Some(way), Some(config)) = (facts.way(), facts.settings()) else {
        return Verdict::Skipped("there is no server to look for".to_owned());
    };
    let server = format!("{} port {}", config.server_url.host(), config.server_url.port());
    match &way.tcp {
        Stage::Works(()) => Verdict::Ok(format!("{server} answers")),
        Stage::Failed(DialError::Proxy(proxy, why)) => super::useless_proxy("tcp.proxy", proxy, why),
        Stage::Failed(DialError::Connect(_, error))
            if error.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            Verdict::failed(
                "tcp.refused",
                format!("{server} refuses the connection: nothing listens there"),
                "check the port in SERVER_URL, and whether ems-cloud runs",
            )
        }
        Stage::Failed(error) => {
            let text = error.to_string();
            let what = text.split_once(": check").map_or(text.as_str(), |(what, _)| what);
            Verdict::failed(
                "tcp.unreachable",
                what,
                "check the network's route, firewalls on the way, and SERVER_URL",
            )
        }
        Stage::Late | Stage::NotTried => Verdict::failed(
            "tcp.unreachable",
            format!("{server} does not answer in time"),
            "check the network's route, firewalls on the way, and SERVER_URL",
        ),
    }
}
