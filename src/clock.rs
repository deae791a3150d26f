//! Time: monotonic stamps for every sample, and what the wall clock is worth.
//!
//! A sample is stamped with `CLOCK_BOOTTIME` alone. Its wall-clock label is worked out when it is sent: by then
//! the clock may have been set, by NTP or by the server's `device.welcome`.

use std::cell::Cell;
use std::path::Path;

use ems_protocol::{ClockQuality, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Milliseconds on `CLOCK_BOOTTIME`: since the kernel's boot, never stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(pub u64);

/// The kernel clocks, as an argument: a test passes its own.
pub trait TimeSource {
    /// `CLOCK_BOOTTIME`.
    fn boottime(&self) -> BootTime;
    /// `CLOCK_REALTIME` in ms since 1970.
    fn realtime_ms(&self) -> i64;
    /// Whether somebody keeps `CLOCK_REALTIME` right.
    fn synchronised(&self) -> bool;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemTime;

/// What timesyncd leaves behind at its first success (systemd-timesyncd.service(8), FILES).
const TIMESYNC_FLAG: &str = "/run/systemd/timesync/synchronized";

impl TimeSource for SystemTime {
    fn boottime(&self) -> BootTime {
        let t = clock_gettime(ClockId::Boottime);
        BootTime(u64::try_from(millis(t)).unwrap_or(0))
    }

    fn realtime_ms(&self) -> i64 {
        millis(clock_gettime(ClockId::Realtime))
    }

    fn synchronised(&self) -> bool {
        Path::new(TIMESYNC_FLAG).exists()
    }
}

fn millis(t: rustix::time::Timespec) -> i64 {
    t.tv_sec * 1000 + t.tv_nsec / 1_000_000
}

/// Turns boot-time stamps into wall-clock labels.
pub struct Clock {
    source: Box<dyn TimeSource>,
    /// Server time minus boot time in ms, once a server has told.
    server_offset: Cell<Option<i64>>,
    /// What was known to be right before the last power cut: wall time minus boot time of that moment, in ms.
    restored: Cell<Option<i64>>,
    /// The last look at the flag of synchronisation: a file in /run, so not asked for every sample.
    checked: Cell<Option<(BootTime, bool)>>,
}

/// How long a look at the flag of synchronisation is good for.
const CHECK_MS: u64 = 10_000;
/// A new offset from the server replaces the old one only if it differs by more than a slow network explains.
const OFFSET_TOLERANCE_MS: i64 = 1_000;

impl Clock {
    /// A clock on `source`.
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self {
            source: Box::new(source),
            server_offset: Cell::new(None),
            restored: Cell::new(None),
            checked: Cell::new(None),
        }
    }

    /// Now, for stamps and intervals.
    pub fn boottime(&self) -> BootTime {
        self.source.boottime()
    }

    /// The wall-clock label of a moment of this boot, and how it is known.
    pub fn label(&self, at: BootTime) -> (Timestamp, ClockQuality) {
        let now = self.source.boottime();
        let system = || self.source.realtime_ms() - signed(now);
        let (offset, quality) = if self.synchronised(now) {
            (system(), ClockQuality::Synced)
        } else if let Some(offset) = self.server_offset.get() {
            (offset, ClockQuality::Server)
        } else {
            match self.restored.get() {
                // A board without a clock battery wakes up in the past: it is at least as late as it once was.
                Some(offset) if offset > system() => (offset, ClockQuality::Restored),
                _ => (system(), ClockQuality::Unsynced),
            }
        };
        (Timestamp::from_millis(signed(at) + offset), quality)
    }

    /// The label of this very moment.
    pub fn now(&self) -> Timestamp {
        self.label(self.boottime()).0
    }

    /// It was this late, in ms since 1970, before the present boot.
    pub fn restore(&self, last_good_ms: i64) {
        self.restored.set(Some(last_good_ms.saturating_sub(signed(self.boottime()))));
    }

    /// The server says what time it is now.
    pub fn server_says(&self, time: Timestamp) {
        let offset = time.millis() - signed(self.boottime());
        let known = self.server_offset.get();
        if known.is_none_or(|old| (old - offset).abs() > OFFSET_TOLERANCE_MS) {
            self.server_offset.set(Some(offset));
        }
    }

    fn synchronised(&self, now: BootTime) -> bool {
        match self.checked.get() {
            Some((at, answer)) if now.0.saturating_sub(at.0) < CHECK_MS => answer,
            _ => {
                let answer = self.source.synchronised();
                self.checked.set(Some((now, answer)));
                answer
            }
        }
    }
}

fn signed(t: BootTime) -> i64 {
    i64::try_from(t.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Fake(Rc<(Cell<u64>, Cell<i64>, Cell<bool>)>);

    impl TimeSource for Fake {
        fn boottime(&self) -> BootTime {
            BootTime(self.0.0.get())
        }
        fn realtime_ms(&self) -> i64 {
            self.0.1.get()
        }
        fn synchronised(&self) -> bool {
            self.0.2.get()
        }
    }

    #[test]
    fn an_unset_clock_is_used_but_named_unsynced() {
        let fake = Fake::default();
        fake.0.0.set(5_000);
        fake.0.1.set(1_000_000);
        let clock = Clock::new(fake);
        assert_eq!(clock.label(BootTime(3_000)), (Timestamp::from_millis(998_000), ClockQuality::Unsynced));
    }

    #[test]
    fn the_servers_time_corrects_samples_taken_before_it_was_known() {
        let fake = Fake::default();
        fake.0.0.set(5_000);
        let clock = Clock::new(fake.clone());
        clock.server_says(Timestamp::from_millis(1_700_000_005_000));
        assert_eq!(
            clock.label(BootTime(1_000)),
            (Timestamp::from_millis(1_700_000_001_000), ClockQuality::Server)
        );
        // A second welcome over a slower network does not shift the grid.
        fake.0.0.set(9_000);
        clock.server_says(Timestamp::from_millis(1_700_000_008_600));
        assert_eq!(clock.now().millis(), 1_700_000_009_000);
    }

    #[test]
    fn a_board_that_wakes_up_in_the_past_is_at_least_as_late_as_it_once_was() {
        let fake = Fake::default();
        fake.0.0.set(10_000);
        fake.0.1.set(1_000_000);
        let clock = Clock::new(fake.clone());
        clock.restore(500_000);
        assert_eq!(
            clock.label(BootTime(10_000)),
            (Timestamp::from_millis(1_000_000), ClockQuality::Unsynced)
        );
        clock.restore(9_000_000);
        assert_eq!(
            clock.label(BootTime(11_000)),
            (Timestamp::from_millis(9_001_000), ClockQuality::Restored)
        );
        clock.server_says(Timestamp::from_millis(20_000_000));
        assert_eq!(clock.label(BootTime(10_000)), (Timestamp::from_millis(20_000_000), ClockQuality::Server));
    }

    #[test]
    fn a_synchronised_system_clock_comes_first_and_its_steps_are_followed() {
        let fake = Fake::default();
        fake.0.1.set(2_000_000);
        fake.0.2.set(true);
        let clock = Clock::new(fake.clone());
        clock.server_says(Timestamp::from_millis(77));
        assert_eq!(clock.label(BootTime(0)), (Timestamp::from_millis(2_000_000), ClockQuality::Synced));
        fake.0.1.set(9_000_000);
        assert_eq!(clock.now().millis(), 9_000_000);
    }
}
