//! Nobody answers in the server's place: a hotel's or a mobile network's login page.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::uplink::{DialError, Stage};

pub(super) fn judge(facts: &Facts) -> Verdict {
    let Some(way) = facts.way() else {
        return Verdict::Skipped("there is no server to look for".to_owned());
    };
    let found = |what: String| {
        Verdict::failed(
            "portal.captive",
            format!("a web page answers in the server's place ({what})"),
            "log this network's device in at its captive portal, or use a network without one; else check SERVER_URL and its port",
        )
    };
    if let Some(answer) = &way.portal {
        return found(answer.clone());
    }
    match &way.token {
        Stage::Failed(DialError::NotWebSocket(why)) if why.contains("HTTP") => found(why.clone()),
        _ => Verdict::Ok("no captive portal".to_owned()),
    }
}
