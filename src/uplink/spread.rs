//! Over which time a device spreads its return, so that ten thousand do not come back in the same second.

use std::time::Duration;

use ems_protocol::{CloseCode, retry_window};

use super::session::End;

/// The longest time that a server may ask for.
const CAP: Duration = Duration::from_secs(5 * 60);
/// The same for a connection that was lost without a word: the server may be gone, but mostly it was this device's own
/// network.
const LOST_CAP: Duration = Duration::from_secs(30);

/// After a connection has ended so, whose welcome has asked for `window`.
pub(super) fn after(end: &End, window: Duration) -> Duration {
    match end {
        End::Silent | End::Broken(_) | End::Closed(None) => window.min(LOST_CAP),
        End::Closed(Some((code, reason))) => match CloseCode::from_code(*code) {
            Some(CloseCode::ServiceRestart | CloseCode::TryAgainLater) => {
                retry_window(reason).map_or(window, |seconds| Duration::from_secs(seconds.into())).min(CAP)
            }
            // That concerns this device alone.
            Some(_) | None => Duration::ZERO,
        },
        End::Stopped | End::LeftBehind => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(200);

    #[test]
    fn the_whole_window_is_for_a_server_that_says_it_restarts_or_is_overloaded() {
        for code in [1012, 1013] {
            let end = |reason: &str| End::Closed(Some((code, reason.to_owned())));
            assert_eq!(after(&end("no number"), WINDOW), WINDOW);
            assert_eq!(after(&end("soon; retry_window=17"), WINDOW), Duration::from_secs(17));
            assert_eq!(after(&end("later; retry_window=100000"), WINDOW), CAP);
        }
    }

    #[test]
    fn a_connection_that_was_lost_without_a_word_is_away_for_half_a_minute_at_most() {
        for end in [End::Silent, End::Broken("reset".to_owned()), End::Closed(None)] {
            assert_eq!(after(&end, WINDOW), LOST_CAP);
            // As a fleet of ten thousand is told: it is spread whole.
            assert_eq!(after(&end, Duration::from_secs(10)), Duration::from_secs(10));
        }
    }

    #[test]
    fn what_concerns_one_device_alone_spreads_nothing() {
        for code in [1000, 1009, 1011, 4001, 4029] {
            let end = End::Closed(Some((code, "retry_window=60".to_owned())));
            assert_eq!(after(&end, WINDOW), Duration::ZERO, "{code}");
        }
        assert_eq!(after(&End::LeftBehind, WINDOW), Duration::ZERO);
    }
}
