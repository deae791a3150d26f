//! How an attempt or a connection ended: what decides how long the next one waits.

use std::time::Duration;

use super::dial::DialError;

/// The first wait after a refusal, which only a person can mend; doubled at each refusal up to [`REFUSED_CAP`].
const REFUSED_FLOOR: Duration = Duration::from_secs(60);
const REFUSED_CAP: Duration = Duration::from_secs(15 * 60);
/// The longest wait that a server may ask for with `Retry-After`.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(15 * 60);
/// What is added to the wait after "try again later".
const BUSY_FLOOR: Duration = Duration::from_secs(5);
/// The longest pause after the network came up.
const RETURN_JITTER: Duration = Duration::from_millis(400);

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Of the network or the server's programs: the usual backoff.
    Transient,
    /// The network is back, and only the old connection does not know.
    LeftBehind,
    /// The server asks for time; how much, where it says.
    Busy(Option<Duration>),
    /// Nobody but a person can mend it.
    Refused,
}

impl Failure {
    pub(super) fn of_dial(error: &DialError) -> Self {
        match error {
            DialError::Refused(_) => Self::Refused,
            DialError::Unavailable(_, retry_after) => Self::Busy(*retry_after),
            DialError::Dns(..)
            | DialError::Connect(..)
            | DialError::Proxy(..)
            | DialError::Tls(..)
            | DialError::Upgrade(_)
            | DialError::NotWebSocket(_) => Self::Transient,
        }
    }

    /// The pause before the next attempt: `usual` is the backoff's next one, `window` over what time the server wants its
    /// devices to come back, `failures` how many there were in a row.
    pub(super) fn wait(self, usual: Duration, window: Duration, failures: u32) -> Duration {
        match self {
            Self::Transient => usual + part_of(window, usual),
            Self::LeftBehind => return_jitter(usual),
            Self::Busy(None) => BUSY_FLOOR + usual + part_of(window, usual),
            // Jitter on top: everybody was told the same number.
            Self::Busy(Some(wait)) => wait.min(RETRY_AFTER_CAP) + usual.min(BUSY_FLOOR),
            Self::Refused => REFUSED_FLOOR
                .saturating_mul(1 << failures.saturating_sub(1).min(4))
                .clamp(REFUSED_FLOOR, REFUSED_CAP)
                .saturating_add(usual),
        }
    }
}

/// A short random pause: a street of devices that a power cut has silenced comes back in the same second.
pub(super) fn return_jitter(usual: Duration) -> Duration {
    part_of(RETURN_JITTER, usual)
}

/// A random part of `span`: `usual` was drawn at random, so its finest digits are random too.
fn part_of(span: Duration, usual: Duration) -> Duration {
    span.mul_f64(f64::from(usual.subsec_nanos() % 1_000_000) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_nanos(2_000_500_000);

    #[test]
    fn a_refusal_waits_a_minute_then_twice_as_long_each_time_up_to_a_quarter_of_an_hour() {
        let waits = [1, 2, 3, 4, 5, 6, 1000]
            .map(|n| Failure::Refused.wait(Duration::ZERO, Duration::ZERO, n).as_secs());
        assert_eq!(waits, [60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn what_a_server_asks_for_is_waited_with_jitter_on_top_and_within_a_bound() {
        let wait =
            |asked: u64| Failure::Busy(Some(Duration::from_secs(asked))).wait(USUAL, Duration::ZERO, 1);
        assert_eq!(wait(30), Duration::from_secs(30) + USUAL);
        assert_eq!(wait(1_000_000), RETRY_AFTER_CAP + USUAL);
    }

    #[test]
    fn a_window_spreads_the_return_after_a_lost_or_overloaded_server_alone() {
        let window = Duration::from_secs(100);
        let half = Duration::from_secs(50);
        assert_eq!(Failure::Transient.wait(USUAL, window, 1), USUAL + half);
        assert_eq!(Failure::Busy(None).wait(USUAL, window, 1), BUSY_FLOOR + USUAL + half);
        assert_eq!(Failure::LeftBehind.wait(USUAL, window, 1), RETURN_JITTER / 2);
    }
}
