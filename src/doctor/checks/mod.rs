//! The checks, one file each, in the order of the report.

mod card;
mod clock;
mod config;
mod conflict;
mod device;
mod dns;
mod group;
mod i2c;
mod journal;
mod permissions;
mod portal;
mod power;
mod reading;
mod sandbox;
mod secrets;
mod sensor;
mod service;
mod shunt;
mod sign;
mod state;
mod tcp;
mod tls;
mod token;
mod version;

use super::facts::Facts;
use super::report::Verdict;

/// One check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its stable name.
    pub id: &'static str,
    /// What it looks at, in a few words.
    pub about: &'static str,
    /// The checks without which this one would only repeat what they say.
    pub needs: &'static [&'static str],
    /// Its judgement.
    pub judge: fn(&Facts) -> Verdict,
}

/// All of them.
pub static CHECKS: &[Check] = &[
    Check { id: "version", about: "this program and the running daemon", needs: &[], judge: version::judge },
    Check { id: "config", about: "the configuration holds together", needs: &[], judge: config::judge },
    Check {
        id: "permissions",
        about: "the service may read its files",
        needs: &["config"],
        judge: permissions::judge,
    },
    Check { id: "secrets", about: "nobody else may read the token", needs: &[], judge: secrets::judge },
    Check { id: "service", about: "the service runs and starts at boot", needs: &[], judge: service::judge },
    Check { id: "i2c", about: "I2C is enabled", needs: &["config"], judge: i2c::judge },
    Check { id: "device", about: "the bus is there", needs: &["config", "i2c"], judge: device::judge },
    Check {
        id: "group",
        about: "the service's user may open the bus",
        needs: &["config", "device"],
        judge: group::judge,
    },
    Check {
        id: "sandbox",
        about: "the unit lets the service at the bus",
        needs: &["config", "device"],
        judge: sandbox::judge,
    },
    Check {
        id: "sensor",
        about: "the chip answers",
        needs: &["config", "device", "group", "sandbox"],
        judge: sensor::judge,
    },
    Check { id: "reading", about: "the voltage fits the pack", needs: &["sensor"], judge: reading::judge },
    Check {
        id: "shunt",
        about: "the current fits the shunt and the pack",
        needs: &["sensor"],
        judge: shunt::judge,
    },
    Check {
        id: "sign",
        about: "charging shows as charging",
        needs: &["reading", "shunt"],
        judge: sign::judge,
    },
    Check { id: "power", about: "the board's supply", needs: &[], judge: power::judge },
    Check { id: "clock", about: "the time of day", needs: &[], judge: clock::judge },
    Check { id: "dns", about: "the server's name", needs: &["config"], judge: dns::judge },
    Check { id: "tcp", about: "the server's port", needs: &["dns"], judge: tcp::judge },
    Check {
        id: "portal",
        about: "nobody answers in the server's place",
        needs: &["tcp"],
        judge: portal::judge,
    },
    Check { id: "tls", about: "the server's certificate", needs: &["portal"], judge: tls::judge },
    Check { id: "token", about: "the server takes the token", needs: &["tls"], judge: token::judge },
    Check {
        id: "conflict",
        about: "no other device has this id",
        needs: &["config"],
        judge: conflict::judge,
    },
    Check { id: "state", about: "the state folder can be written", needs: &["config"], judge: state::judge },
    Check { id: "card", about: "room on the card, and its health", needs: &["state"], judge: card::judge },
    Check { id: "journal", about: "the journal takes what is logged", needs: &[], judge: journal::judge },
];

/// The proxy on the way does not help: the server and its name are not to blame.
fn useless_proxy(code: &'static str, proxy: &str, why: &str) -> Verdict {
    let remedy = "check the proxy, and HTTPS_PROXY in the unit's environment (systemctl edit ems-edge)";
    Verdict::failed(code, format!("the proxy {proxy} of HTTPS_PROXY: {why}"), remedy)
}

/// The sentence for what the daemon answers for, but cannot be asked about.
fn nobody_can_tell(facts: &Facts) -> Verdict {
    match &facts.daemon {
        super::facts::Daemon::Silent(why) => {
            Verdict::Skipped(format!("the daemon answers for this and cannot be asked ({why})"))
        }
        _ => Verdict::Skipped("not known yet: the daemon has just started".to_owned()),
    }
}
