//! Stopping without sending everybody away at the same moment: ten thousand devices would all be back at once.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Connections that are closed a second.
const PER_SECOND: f64 = 500.0;

/// The order to stop, and how the connections are spread over the time until then.
#[derive(Default)]
pub struct Drain {
    begun: CancellationToken,
    plan: OnceLock<(Instant, Duration)>,
}

impl Drain {
    /// Begins. The time over which `sockets` are closed: at most `longest`.
    pub fn begin(&self, sockets: usize, longest: Duration) -> Duration {
        let window = Duration::from_secs_f64(sockets as f64 / PER_SECOND).min(longest);
        let (_, window) = *self.plan.get_or_init(|| (Instant::now(), window));
        self.begun.cancel();
        window
    }

    /// Returns when it is the turn of the connection at `place`, 0 to 1, to be closed.
    pub async fn turn(&self, place: f64) {
        self.begun.cancelled().await;
        if let Some((start, window)) = self.plan.get() {
            sleep_until(*start + window.mul_f64(place.clamp(0.0, 1.0))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_connections_are_closed_one_after_another_and_few_at_once() {
        let longest = Duration::from_secs(10);
        assert!(Drain::default().begin(5, longest) < Duration::from_millis(50));
        let drain = Drain::default();
        assert_eq!(drain.begin(100_000, longest), longest);
        let start = Instant::now();
        drain.turn(0.0).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        drain.turn(0.5).await;
        assert_eq!(start.elapsed(), longest / 2);
    }
}
