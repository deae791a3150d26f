//! A server with one core that is busy with thousands of small messages looks for them a little later, and then at several
//! of them at once.
//!
//! A waking for each message costs as much as the message: the kernel's switch to this thread and, for what is sent, to the
//! peer's. Network cards moderate their interrupts for the same reason. A server with little to do waits for nothing.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::sync::Locked;

/// How long it waits before it looks for what has come, at most. Timers and what other threads have for it wait too.
const PAUSE: Duration = Duration::from_millis(1);
/// How long wakings are counted before it is decided anew.
const WINDOW: Duration = Duration::from_millis(100);
/// So many wakings in a window, and it begins to pause; fewer than the latter while it pauses, and it ends.
const BEGIN: u32 = 70;
const END: u32 = 25;

/// The state of the one thread.
#[derive(Debug)]
pub struct Moderation(Mutex<Counting>);

#[derive(Debug)]
struct Counting {
    since: Instant,
    wakings: u32,
    busy: bool,
}

impl Default for Moderation {
    fn default() -> Self {
        Self(Mutex::new(Counting { since: Instant::now(), wakings: 0, busy: false }))
    }
}

impl Moderation {
    /// Call it when the thread has nothing to do, before it waits.
    pub fn before_waiting(&self) {
        if self.0.locked().is_busy(Instant::now()) {
            thread::sleep(PAUSE);
        }
    }
}

impl Counting {
    fn is_busy(&mut self, now: Instant) -> bool {
        self.wakings += 1;
        let passed = now.saturating_duration_since(self.since);
        if passed >= WINDOW {
            let windows = passed.as_secs_f64() / WINDOW.as_secs_f64();
            let least = if self.busy { END } else { BEGIN };
            *self =
                Self { since: now, wakings: 0, busy: f64::from(self.wakings) >= f64::from(least) * windows };
        }
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is busy at the end of a second with so many wakings.
    fn after(counting: &mut Counting, wakings: u32) -> bool {
        let start = counting.since;
        (1..=wakings).fold(false, |_, n| counting.is_busy(start + Duration::from_secs(1) * n / wakings))
    }

    #[test]
    fn a_busy_thread_pauses_until_it_has_little_to_do() {
        let mut counting = Counting { since: Instant::now(), wakings: 0, busy: false };
        for (wakings, busy) in
            [(10, false), (600, false), (5_000, true), (500, true), (200, false), (600, false)]
        {
            assert_eq!(after(&mut counting, wakings), busy, "{wakings} a second");
        }
    }
}
