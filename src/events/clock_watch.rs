//! Notices when somebody steps the wall clock.

use std::rc::Rc;
use std::time::Duration;

use ems_protocol::Severity;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::info;

use super::event::Incident;
use super::{Reporter, code, message_id};
use crate::clock::TimeSource;
use crate::words;

/// Compares the wall clock with the monotonic one.
pub struct ClockWatch {
    /// Both clocks.
    pub time: Rc<dyn TimeSource>,
    /// Where steps are reported.
    pub reporter: Reporter,
}

/// How often the clocks are compared.
const LOOK: Duration = Duration::from_secs(10);
/// NTP slews by at most 0.5 ms a second: what differs by more between two looks is a step.
const STEP_MS: i64 = 1_000;
/// A clock that is stepped again and again is reported this often at most.
const PAUSE: Duration = Duration::from_mins(10);

impl ClockWatch {
    /// Runs for ever.
    pub async fn run(self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = self.offset_ms();
        loop {
            looks.tick().await;
            let offset = self.offset_ms();
            let by_ms = offset.saturating_sub(std::mem::replace(&mut known, offset));
            if by_ms.abs() >= STEP_MS {
                let message = words_of(by_ms);
                info!(
                    message_id = message_id(code::CLOCK_STEPPED),
                    ems_code = code::CLOCK_STEPPED,
                    "{message}"
                );
                let incident = Incident::new(Severity::Info, code::CLOCK_STEPPED, message);
                self.reporter.report(incident.with("by_ms", by_ms));
                sleep(PAUSE).await;
            }
        }
    }

    /// Wall time minus boot time.
    fn offset_ms(&self) -> i64 {
        let boot = i64::try_from(self.time.boottime().0).unwrap_or(i64::MAX);
        self.time.realtime_ms().saturating_sub(boot)
    }
}

fn words_of(by_ms: i64) -> String {
    let direction = if by_ms > 0 { "forward" } else { "back" };
    let by = words::span(Duration::from_millis(by_ms.unsigned_abs()));
    format!("the wall clock was set {direction} by {by}; intervals and the order of samples are not touched")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;

    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::clock::{BootTime, Clock};
    use crate::events::{Record, Recorder, channel};

    /// Boot time as tokio counts it, wall time as set.
    struct Fake {
        start: tokio::time::Instant,
        offset_ms: Cell<i64>,
    }

    impl TimeSource for Rc<Fake> {
        fn boottime(&self) -> BootTime {
            BootTime(u64::try_from(self.start.elapsed().as_millis()).unwrap())
        }
        fn realtime_ms(&self) -> i64 {
            i64::try_from(self.boottime().0).unwrap() + self.offset_ms.get()
        }
        fn synchronised(&self) -> bool {
            false
        }
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn steps_are_recorded_slewing_is_not_and_a_mad_clock_does_not_fill_the_record() {
        let fake = Rc::new(Fake { start: tokio::time::Instant::now(), offset_ms: Cell::new(1_000_000) });
        let clock = Rc::new(Clock::new(Rc::clone(&fake)));
        let (reporter, reports) = channel(Rc::clone(&clock));
        let recorder = Recorder {
            record: Record::default(),
            clock,
            boot_id: "boot".to_owned(),
            pen: None,
            outgoing: mpsc::channel(1).0,
            errors: watch::channel(VecDeque::new()).0,
        };
        tokio::task::spawn_local(recorder.run(reports));
        let watch = ClockWatch { time: Rc::new(Rc::clone(&fake)), reporter: reporter.clone() };
        tokio::task::spawn_local(watch.run());

        let set = |by: i64| fake.offset_ms.set(fake.offset_ms.get() + by);
        for _ in 0..360 {
            sleep(LOOK).await;
            set(5);
        }
        assert!(reporter.recent(9).await.is_empty());
        set(-3_600_000);
        sleep(LOOK * 2).await;
        let events = reporter.recent(9).await;
        let by = events[0].details["by_ms"].as_i64().unwrap();
        // The slewing between two looks is in it.
        assert!(events.len() == 1 && (by + 3_600_000).abs() <= 5, "{events:?}");
        assert!(events[0].message.contains(" back by "), "{}", events[0].message);
        for _ in 0..360 {
            sleep(LOOK).await;
            set(60_000);
        }
        assert!(reporter.recent(99).await.len() <= 8);
    }
}
