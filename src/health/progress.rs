//! Proofs of life, given by the stages and seen from the watchdog's thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// A loop's proof of life: it comes round, at least every few seconds. Clones are of the same loop.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Rounds>);

#[derive(Debug)]
struct Rounds {
    count: AtomicU64,
    /// When it last came round, in ms since `start`.
    last: AtomicU64,
    start: Instant,
}

/// A thread's proof of life: what it is asked to do gets done. Clones are of the same thread.
#[derive(Debug, Clone)]
pub struct Work(Arc<Jobs>);

#[derive(Debug)]
struct Jobs {
    asked: AtomicU64,
    done: AtomicU64,
    /// When a job was last done, or asked for while there was none, in ms since `start`.
    since: AtomicU64,
    start: Instant,
}

/// How often a loop that waits for something that is bound to come shows that it lives.
const ROUND: Duration = Duration::from_secs(2);

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Rounds { count: AtomicU64::new(0), last: AtomicU64::new(0), start: Instant::now() }))
    }
}

impl Progress {
    /// The loop has come round once more.
    pub fn mark(&self) {
        self.0.last.store(millis_since(self.0.start), Ordering::Relaxed);
        self.0.count.fetch_add(1, Ordering::Release);
    }

    /// Waits for `event`, and marks meanwhile: for waits with an end of their own (a beat, a deadline), and never for
    /// another stage, whose stall would be hidden.
    pub async fn through<T>(&self, event: impl Future<Output = T>) -> T {
        let mut event = pin!(event);
        loop {
            self.mark();
            // Polls the event first, and sets no timer that is due before it: each would wake the event loop.
            if let Ok(done) = timeout(ROUND, &mut event).await {
                return done;
            }
        }
    }

    /// How often it has come round.
    pub(super) fn count(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }

    /// How long ago it last came round.
    pub fn age(&self) -> Duration {
        Duration::from_millis(millis_since(self.0.start).saturating_sub(self.0.last.load(Ordering::Relaxed)))
    }
}

impl Default for Work {
    fn default() -> Self {
        let none = || AtomicU64::new(0);
        Self(Arc::new(Jobs { asked: none(), done: none(), since: none(), start: Instant::now() }))
    }
}

impl Work {
    /// A job is asked for. To be called before the thread can know of it.
    pub fn ask(&self) {
        if self.0.asked.fetch_add(1, Ordering::AcqRel) == self.0.done.load(Ordering::Acquire) {
            self.touch();
        }
    }

    /// A job could not be asked for after all: that is no progress.
    pub fn withdraw(&self) {
        self.0.asked.fetch_sub(1, Ordering::AcqRel);
    }

    /// A job is done.
    pub fn done(&self) {
        self.touch();
        self.0.done.fetch_add(1, Ordering::AcqRel);
    }

    /// For how long the present job has not been done, if there is one.
    pub fn under_way(&self) -> Option<Duration> {
        let done = self.0.done.load(Ordering::Acquire);
        let busy = self.0.asked.load(Ordering::Acquire) > done;
        let since = self.0.since.load(Ordering::Relaxed);
        busy.then(|| Duration::from_millis(millis_since(self.0.start).saturating_sub(since)))
    }

    /// How many jobs have been done.
    pub(super) fn count(&self) -> u64 {
        self.0.done.load(Ordering::Acquire)
    }

    fn touch(&self) {
        self.0.since.store(millis_since(self.0.start), Ordering::Relaxed);
    }
}

/// Monotonic: a clock that steps is no progress.
fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_with_an_end_is_progress_and_nothing_else_is() {
        let progress = Progress::default();
        progress.through(tokio::time::sleep(Duration::from_secs(60))).await;
        let waited = progress.count();
        assert!(waited >= 30, "{waited}");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(progress.count(), waited);
    }

    #[test]
    fn work_is_under_way_until_all_of_it_is_done() {
        let work = Work::default();
        assert_eq!(work.under_way(), None);
        work.ask();
        work.ask();
        work.done();
        work.ask();
        work.withdraw();
        assert!(work.under_way().is_some());
        assert_eq!(work.count(), 1);
        work.done();
        assert_eq!((work.under_way(), work.count()), (None, 2));
    }
}
