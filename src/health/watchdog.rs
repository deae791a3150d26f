//! Feeds systemd's watchdog, from a thread of its own: what stalls cannot keep it from saying which part it is.
//!
//! It is fed when every part has made progress since it was last fed, on the monotonic clock. Neither the link nor the
//! sensor's readings count: they are trouble to report, not a reason to restart. A transfer on the bus that never
//! returns is one, because nothing else brings the bus back, but at most once an hour.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::{error, info, warn};

use super::{Pulse, tell};
use crate::clock::BootTime;
use crate::events::{code, message_id};
use crate::words::span;

/// The thread; it ends with this value.
#[derive(Debug)]
pub struct Watchdog {
    /// Nothing is ever sent.
    _end: SyncSender<()>,
}

/// How often progress is looked at. A part that stalls is found out within this time; the rest is `WatchdogSec`.
const LOOK: Duration = Duration::from_secs(1);
/// A part that makes no progress for this long is named.
const NAMED_AFTER: Duration = Duration::from_secs(10);
/// A transfer that takes longer never returns: those that end by themselves take a second.
const TRANSFER_LIMIT: Duration = Duration::from_secs(60);
/// The least time between two restarts for the bus, in ms.
const BUS_RESTART_MS: u64 = 60 * 60 * 1000;
/// In the runtime folder: when the last restart for the bus was, in ms since boot.
const BUS_RESTART: &str = "bus-restart";

impl Watchdog {
    /// Starts the thread. `runtime` is this identity's folder in RAM, `boottime` the clock of which it remembers times.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        pulse: Pulse,
        runtime: Option<PathBuf>,
        boottime: impl Fn() -> BootTime + Send + 'static,
    ) -> std::io::Result<Self> {
        let (end, ended) = sync_channel::<()>(0);
        let mut guard = Guard::new(pulse, runtime.map(|folder| folder.join(BUS_RESTART)));
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let transfer = guard.pulse.bus.under_way();
                if guard.is_well(transfer, boottime()) {
                    tell(&[NotifyState::Watchdog]);
                }
            }
        })?;
        Ok(Self { _end: end })
    }
}

/// What has been seen and said.
struct Guard {
    pulse: Pulse,
    seen: [u64; Pulse::PARTS],
    /// When everything last went on.
    fed: Instant,
    named: Option<&'static str>,
    memory: Option<PathBuf>,
    /// What was decided of the transfer that hangs: whether there is a restart for it.
    hang: Option<bool>,
}

impl Guard {
    fn new(pulse: Pulse, memory: Option<PathBuf>) -> Self {
        let seen = pulse.counts();
        Self { pulse, seen, fed: Instant::now(), named: None, memory, hang: None }
    }

    /// Whether the watchdog may be fed. `transfer` is how long the bus has been busy with the same one.
    fn is_well(&mut self, transfer: Option<Duration>, now: BootTime) -> bool {
        let counts = self.pulse.counts();
        let stalled = self.pulse.without_progress(&self.seen, &counts);
        match stalled {
            None => {
                if let Some(part) = self.named.take() {
                    info!("the {part} goes on after {}", span(self.fed.elapsed()));
                }
                self.seen = counts;
                self.fed = Instant::now();
            }
            Some(part) => self.name(part),
        }
        !self.hangs(transfer, now) && stalled.is_none()
    }

    fn name(&mut self, part: &'static str) {
        if self.named.is_some() || self.fed.elapsed() < NAMED_AFTER {
            return;
        }
        self.named = Some(part);
        let lasts = span(self.fed.elapsed());
        // First to systemd: whoever stalls may hold what the log needs.
        tell(&[NotifyState::Status(&format!("the {part} has made no progress for {lasts}"))]);
        error!(
            message_id = message_id(code::STALLED),
            ems_code = code::STALLED,
            ems_stage = part,
            "the {part} has made no progress for {lasts}: unless it goes on, systemd restarts ems-edge"
        );
    }

    /// Whether the watchdog is to be withheld because of a transfer that never returns.
    fn hangs(&mut self, transfer: Option<Duration>, now: BootTime) -> bool {
        let Some(lasts) = transfer.filter(|lasts| *lasts >= TRANSFER_LIMIT) else {
            self.hang = None;
            return false;
        };
        if self.hang == Some(true) {
            return true;
        }
        let last = self.last_restart().filter(|last| now.0.saturating_sub(*last) < BUS_RESTART_MS);
        let restart = last.is_none();
        if self.hang != Some(restart) {
            let lasts = span(lasts);
            match last {
                None => {
                    self.remember(now);
                    error!(
                        "a transfer on the I2C bus has not returned for {lasts}: systemd restarts ems-edge"
                    );
                }
                Some(last) => {
                    let ago = span(Duration::from_millis(now.0.saturating_sub(last)));
                    warn!(
                        "a transfer on the I2C bus has not returned for {lasts}; ems-edge was restarted for that {ago} ago, so not again yet: switch the sensor's power off and on"
                    );
                }
            }
            self.hang = Some(restart);
        }
        restart
    }

    fn last_restart(&self) -> Option<u64> {
        fs::read_to_string(self.memory.as_ref()?).ok()?.trim().parse().ok()
    }

    fn remember(&self, now: BootTime) {
        // Without a folder each hang costs a restart: as often as one takes to be noticed.
        let Some(path) = &self.memory else { return };
        if let Err(error) = fs::write(path, now.0.to_string()) {
            warn!("cannot write {}: {error}; the next hang of the bus costs a restart too", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = BUS_RESTART_MS;

    fn all_go_on(pulse: &Pulse) {
        pulse.executor.mark();
        pulse.sampler.mark();
        pulse.uplink.mark();
    }

    #[test]
    fn it_is_fed_only_when_every_loop_has_come_round_since() {
        let pulse = Pulse::default();
        let mut guard = Guard::new(pulse.clone(), None);
        assert!(!guard.is_well(None, BootTime(0)));
        all_go_on(&pulse);
        assert!(guard.is_well(None, BootTime(0)));
        pulse.executor.mark();
        pulse.sampler.mark();
        assert!(!guard.is_well(None, BootTime(0)));
        pulse.uplink.mark();
        assert!(guard.is_well(None, BootTime(0)));
    }

    #[test]
    fn a_store_with_nothing_to_do_is_well_and_one_that_does_not_get_it_done_is_not() {
        let pulse = Pulse::default();
        let mut guard = Guard::new(pulse.clone(), None);
        let mut look = || {
            all_go_on(&pulse);
            guard.is_well(None, BootTime(0))
        };
        assert!(look());
        pulse.store.ask();
        pulse.store.ask();
        assert!(!look());
        pulse.store.done();
        assert!(look(), "it has much to do and does it");
        assert!(!look());
        pulse.store.done();
        assert!(look());
    }

    #[test]
    fn a_hanging_transfer_restarts_once_an_hour_and_the_restarted_daemon_knows() {
        let dir = tempfile::tempdir().unwrap();
        let pulse = Pulse::default();
        let memory = Some(dir.path().join(BUS_RESTART));
        // Each a daemon of its own.
        let well = |transfer: Option<Duration>, now: u64| {
            let mut guard = Guard::new(pulse.clone(), memory.clone());
            all_go_on(&pulse);
            guard.is_well(transfer, BootTime(now))
        };
        let hangs = Some(TRANSFER_LIMIT);
        assert!(!well(hangs, HOUR), "the first time");
        assert!(well(hangs, HOUR + 100_000), "after the restart");
        assert!(well(hangs, 2 * HOUR - 1));
        assert!(!well(hangs, 2 * HOUR));
        assert!(well(None, 9 * HOUR), "it has returned");
    }

    #[test]
    fn once_a_restart_is_decided_the_same_transfer_gets_no_more_time() {
        let dir = tempfile::tempdir().unwrap();
        let pulse = Pulse::default();
        let mut guard = Guard::new(pulse.clone(), Some(dir.path().join(BUS_RESTART)));
        for seconds in [60, 62, 64, 90] {
            all_go_on(&pulse);
            assert!(!guard.is_well(Some(Duration::from_secs(seconds)), BootTime(HOUR)), "{seconds} s");
        }
    }

    #[test]
    fn a_transfer_that_takes_less_than_a_minute_is_no_reason() {
        let pulse = Pulse::default();
        let mut guard = Guard::new(pulse.clone(), None);
        all_go_on(&pulse);
        assert!(guard.is_well(Some(Duration::from_secs(59)), BootTime(HOUR)));
    }
}
