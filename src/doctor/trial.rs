//! The doctor's checks on settings that are not in use yet: setup tests each answer with them.

use std::time::{Duration, Instant};

use super::account::Account;
use super::device::look_as;
use super::facts::{Daemon, Facts, look_at_way};
use super::report::{Entry, Report};
use crate::clock::{SystemTime, TimeSource as _};
use crate::config::Loaded;

/// How long a test may take.
const LIMIT: Duration = Duration::from_secs(12);
const WAY: [&str; 4] = ["dns", "tcp", "portal", "tls"];
const WAY_WITH_TOKEN: [&str; 5] = ["dns", "tcp", "portal", "tls", "token"];
const SENSOR: [&str; 7] = ["i2c", "device", "group", "sensor", "reading", "shunt", "sign"];

/// The way to the server of `loaded`, with its token if `with_token`: that ends before `device.hello`, so it takes no
/// running daemon's place.
pub fn try_server(loaded: &Loaded, with_token: bool) -> Vec<Entry> {
    let deadline = Instant::now() + LIMIT;
    let way = look_at_way(loaded.config.clone(), with_token, deadline);
    let mut facts = facts(loaded);
    let late = || Err("the test of the server did not end in time".to_owned());
    facts.network = Some(way.recv_timeout(LIMIT + Duration::from_secs(1)).unwrap_or_else(|_| late()));
    entries(&facts, if with_token { &WAY_WITH_TOKEN } else { &WAY })
}

/// The sensor of `loaded`. Nothing else may use the chip meanwhile.
pub fn try_sensor(loaded: &Loaded) -> Vec<Entry> {
    let mut facts = facts(loaded);
    facts.look = Some(look_as(&facts.account, &loaded.config.wiring(), Instant::now() + LIMIT));
    entries(&facts, &SENSOR)
}

fn facts(loaded: &Loaded) -> Facts {
    Facts {
        config: Ok(loaded.clone()),
        config_file: loaded.path.clone().unwrap_or_default(),
        daemon: Daemon::Stopped,
        network: None,
        look: None,
        unit: None,
        account: Account::of_service(None),
        synchronised: None,
        now_ms: SystemTime.realtime_ms(),
        root: "/".into(),
    }
}

fn entries(facts: &Facts, ids: &[&str]) -> Vec<Entry> {
    Report::of(facts).checks.into_iter().filter(|entry| ids.contains(&entry.id)).collect()
}
