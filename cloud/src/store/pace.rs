//! When the next commit is due.

use std::time::{Duration, Instant};

/// Samples that are not alone are gathered, so that a commit is of many: it comes no sooner after the one before than this.
const GATHER: Duration = Duration::from_millis(30);
/// Sooner when the disk is slow, so that no acknowledgement takes longer.
const PATIENCE: Duration = Duration::from_millis(45);
/// So many requests at once are not alone. A lone device, which waits for each answer, never waits for others.
const COMPANY: usize = 2;

/// When the last commit was, of how many requests, and how long commits take.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    requests: usize,
    /// At most, of late.
    takes: Duration,
}

impl Pace {
    /// How long a commit of so many requests should wait for more of them.
    pub(super) fn pause(&self, requests: usize) -> Option<Duration> {
        self.pause_after(requests, self.last?.elapsed())
    }

    fn pause_after(&self, requests: usize, since_last: Duration) -> Option<Duration> {
        // A sample that has just missed a commit waits for its end, for the next one, and for that one's end.
        let permitted = PATIENCE.saturating_sub(2 * self.takes);
        let pause = GATHER.min(permitted).saturating_sub(since_last);
        (self.requests.max(requests) >= COMPANY && !pause.is_zero()).then_some(pause)
    }

    /// A commit of so many requests begins.
    pub(super) fn begin(&mut self, requests: usize) {
        self.requests = requests;
    }

    /// It has ended.
    pub(super) fn end(&mut self, took: Duration) {
        self.last = Some(Instant::now());
        self.takes = took.max(self.takes * 7 / 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn those_who_are_not_alone_are_gathered_for_as_long_as_the_disk_permits() {
        let mut pace = Pace::default();
        assert_eq!(pace.pause(100), None, "nothing has been committed");
        pace.begin(1);
        pace.end(ms(2));
        assert_eq!(pace.pause_after(1, ms(5)), None, "a lone device");
        assert_eq!(pace.pause_after(2, ms(5)), Some(ms(25)));
        assert_eq!(pace.pause_after(2, ms(30)), None, "it is time");
        pace.begin(3);
        assert_eq!(pace.pause_after(1, ms(5)), Some(ms(25)), "there was company a moment ago");
        pace.end(ms(12));
        assert_eq!(pace.pause_after(3, ms(5)), Some(ms(16)), "a slow disk");
        pace.end(ms(400));
        assert_eq!(pace.pause_after(3, ms(0)), None, "a stuck one");
        for _ in 0..50 {
            pace.end(ms(2));
        }
        assert_eq!(pace.pause_after(3, ms(0)), Some(ms(30)), "which is forgotten");
    }
}
