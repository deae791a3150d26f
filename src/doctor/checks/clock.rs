//! The time of day: certificates and samples depend on it.

use ems_protocol::{ClockQuality, Timestamp};

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::words::span;

/// When this program was built, in seconds since 1970 (`build.rs`).
const BUILT: &str = env!("EMS_BUILD_SECONDS");
/// A greater difference from the server's clock than this is wrong, in ms: networks are slow, and `Date` has seconds.
const TOLERANCE_MS: i64 = 30_000;
const REMEDY: &str = "timedatectl set-ntp true, and let this machine reach a time server (UDP port 123), or add a clock module";

pub(super) fn judge(facts: &Facts) -> Verdict {
    let built = BUILT.parse::<i64>().unwrap_or(0) * 1000;
    let now = Timestamp::from_millis(facts.now_ms);
    if facts.now_ms < built {
        return Verdict::failed(
            "clock.past",
            format!("this machine takes it for {now}, which has long passed"),
            REMEDY,
        );
    }
    let snapshot = facts.snapshot();
    let by_daemon =
        snapshot.filter(|s| matches!(s.clock.quality, ClockQuality::Server | ClockQuality::Restored));
    let by_server = facts.way().and_then(|way| way.token.works()?.date.as_deref()).and_then(http_date);
    let other = by_daemon.map(|snapshot| snapshot.clock.now.millis()).or(by_server);
    let off = other.map(|other| facts.now_ms - other);
    if let Some(off) = off.filter(|off| off.abs() > TOLERANCE_MS) {
        let length = span(std::time::Duration::from_millis(off.unsigned_abs()));
        let direction = if off < 0 { "behind" } else { "ahead of" };
        let what = format!("this machine's clock is {length} {direction} the server's");
        return if facts.synchronised == Some(true) {
            Verdict::warning(
                "clock.differs",
                what,
                "this machine's clock is synchronised: check the server's",
            )
        } else {
            Verdict::failed("clock.wrong", what, REMEDY)
        };
    }
    let synced =
        snapshot.is_some_and(|s| s.clock.quality == ClockQuality::Synced) || facts.synchronised == Some(true);
    match (synced, off) {
        (true, _) => Verdict::Ok("synchronised".to_owned()),
        (false, Some(_)) => {
            Verdict::Ok("agrees with the server's, and is not synchronised otherwise".to_owned())
        }
        (false, None) => {
            Verdict::warning("clock.unset", format!("nobody has set this machine's clock ({now})"), REMEDY)
        }
    }
}

/// A date as HTTP writes it (RFC 9110 section 5.6.7), in ms since 1970.
fn http_date(text: &str) -> Option<i64> {
    use time::format_description::BorrowedFormatItem;
    use time::macros::format_description;
    const FORMAT: &[BorrowedFormatItem<'static>] = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let parsed = time::PrimitiveDateTime::parse(text.trim(), FORMAT).ok()?;
    Some(parsed.assume_utc().unix_timestamp() * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read_and_nonsense_is_none() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date("yesterday"), None);
    }
}
