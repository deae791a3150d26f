//! How many commands are taken.

use tokio::time::Instant;

/// A bucket that refills with time.
#[derive(Debug)]
pub(super) struct Rate {
    left: f64,
    capacity: f64,
    per_second: f64,
    filled: Instant,
}

impl Rate {
    /// Commands without an effect: they cost no card write.
    pub(super) fn of_questions() -> Self {
        Self::new(1000.0, 500.0)
    }

    /// Commands with an effect: two durable writes each, so a server gone wild wears the card no more than some
    /// 1.5 GB a day.
    pub(super) fn of_effects() -> Self {
        Self::new(60.0, 0.2)
    }

    fn new(capacity: f64, per_second: f64) -> Self {
        Self { left: capacity, capacity, per_second, filled: Instant::now() }
    }

    /// Takes one if there is one.
    pub(super) fn spend(&mut self) -> bool {
        let now = Instant::now();
        let gained = now.duration_since(self.filled).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.capacity);
        self.filled = now;
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_every_five_seconds() {
        let mut rate = Rate::of_effects();
        assert_eq!((0..100).filter(|_| rate.spend()).count(), 60);
        tokio::time::advance(std::time::Duration::from_secs(6)).await;
        assert!(rate.spend() && !rate.spend());
    }
}
