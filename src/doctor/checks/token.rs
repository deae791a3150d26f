//! The server takes the token.

use crate::doctor::facts::{Daemon, Facts};
use crate::doctor::report::Verdict;
use crate::status::{Phase, Snapshot, TurnedAway};
use crate::uplink::{DialError, Stage};
use crate::words::span;

const REMEDY: &str =
    "make a new token on the server (ems-cloud device token, or the page) and run ems-edge setup";

pub(super) fn judge(facts: &Facts) -> Verdict {
    match &facts.daemon {
        Daemon::Running(snapshot) => by_daemon(snapshot),
        Daemon::Stopped => by_dial(facts),
        Daemon::Silent(_) => super::nobody_can_tell(facts),
    }
}

fn by_daemon(snapshot: &Snapshot) -> Verdict {
    let link = &snapshot.link;
    if snapshot.problems.iter().any(|problem| problem.code == "unconfirmed") {
        let remedy = "look at the server's log and disk; ems-edge status says for how long";
        return Verdict::failed("token.unconfirmed", "the server takes it, but confirms no sample", remedy);
    }
    match (link.phase, link.turned_away) {
        (Phase::Connected, _) => {
            let since = span(std::time::Duration::from_secs(link.since_s));
            Verdict::Ok(format!("the daemon is connected for {since}"))
        }
        (_, Some(how)) if how.is_revocation() || (link.accepted && !how.is_conflict()) => Verdict::failed(
            "token.revoked",
            "the server took this token before and does not any more: it was revoked, or the device was removed or disabled",
            REMEDY,
        ),
        (_, Some(how @ (TurnedAway::Http(_) | TurnedAway::Closed(_)))) if !how.is_conflict() => {
            refused(match how {
                TurnedAway::Http(status) => status,
                TurnedAway::Closed(code) => code,
            })
        }
        _ if link.accepted => Verdict::Ok("the server has taken it since the daemon's start".to_owned()),
        _ => match &link.last_error {
            Some(error) => Verdict::warning(
                "token.unknown",
                format!("the daemon has no connection yet ({error})"),
                "see ems-edge status in a minute",
            ),
            None => Verdict::Skipped("the daemon is connecting".to_owned()),
        },
    }
}

fn by_dial(facts: &Facts) -> Verdict {
    let Some(way) = facts.way() else {
        return Verdict::Skipped("there is no server to ask".to_owned());
    };
    match &way.token {
        Stage::Works(found) => Verdict::Ok(match found.mode {
            crate::uplink::Mode::Typed => "the server takes it (ems.v1)".to_owned(),
            crate::uplink::Mode::Plain => "the server takes it (plain telemetry)".to_owned(),
        }),
        Stage::Failed(DialError::Refused(status)) => refused(*status),
        Stage::Failed(error @ DialError::Unavailable(..)) => Verdict::failed(
            "token.unavailable",
            format!("{error}, so the token could not be tried"),
            "try again later; if it stays so, look at the server",
        ),
        Stage::Failed(error) => Verdict::failed_as_said("token.unknown", &error.to_string()),
        Stage::Late | Stage::NotTried => Verdict::failed(
            "token.unknown",
            "the server does not answer the upgrade in time",
            "look at the server",
        ),
    }
}

fn refused(code: u16) -> Verdict {
    Verdict::failed(
        "token.refused",
        format!(
            "the server refuses this device ({code}): the token is wrong, belongs to another DEVICE_ID, or was revoked"
        ),
        "copy the token again, or make a new one on the server (ems-cloud device token, or the page), and run ems-edge setup",
    )
}
