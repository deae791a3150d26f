//! No other device has this identity.

use crate::doctor::facts::{Daemon, Facts};
use crate::doctor::report::Verdict;
use crate::status::{Phase, TurnedAway};
use crate::words::span;

/// A conflict this long ago, in s, that did not come back is over.
const OVER_S: u64 = 900;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let snapshot = match &facts.daemon {
        Daemon::Running(snapshot) => snapshot,
        Daemon::Stopped => {
            return Verdict::Skipped("only a running daemon is told of another device".to_owned());
        }
        Daemon::Silent(_) => return super::nobody_can_tell(facts),
    };
    let link = &snapshot.link;
    let ago = link.turned_away_s.unwrap_or(0);
    if link.turned_away.is_some_and(TurnedAway::is_conflict) && (link.phase == Phase::Refused || ago < OVER_S)
    {
        return Verdict::failed(
            "conflict.same_id",
            format!(
                "another device connects as {} too: it took this one's place {} ago",
                snapshot.device_id,
                span(std::time::Duration::from_secs(ago))
            ),
            "give each device a DEVICE_ID and a token of its own (a copied card has both of the first): ems-edge setup; or stop the second ems-edge on this machine",
        );
    }
    Verdict::Ok(format!("no other device is known as {}", snapshot.device_id))
}
