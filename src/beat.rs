//! An even beat on the monotonic clock.
//!
//! The runtime's own timers wake the event loop twice for each interval of more than 64 ms (its wheel has coarse slots), and
//! once more when one is set; a timerfd wakes it once.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::warn;

/// Comes round at even distances, at once for the first time. After a stall it goes on upon the old grid; what was missed
/// stays missed.
#[derive(Debug)]
pub enum Beat {
    /// Kept by the kernel, with this period.
    Kernel(AsyncFd<OwnedFd>, Duration),
    /// Kept by the runtime, whose time a test may let jump.
    Runtime(Interval),
}

impl Beat {
    /// Every `period`, which is not 0, kept by the kernel; by the runtime if that refuses.
    pub fn of_kernel(period: Duration) -> Self {
        match timer(period) {
            Ok(timer) => Self::Kernel(timer, period),
            Err(error) => {
                warn!("the system refuses a timer: {error}; samples are taken by the runtime's");
                Self::of_runtime(period)
            }
        }
    }

    /// Every `period`, which is not 0, kept by the runtime.
    pub fn of_runtime(period: Duration) -> Self {
        let mut beats = interval(period);
        beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self::Runtime(beats)
    }

    /// Waits for the next one. Cancel safe. Should the kernel's timer fail, the runtime goes on with the beat.
    pub async fn tick(&mut self) {
        if let Self::Kernel(timer, period) = self {
            let Err(error) = expired(timer).await else { return };
            warn!("the system's timer has failed: {error}; samples are taken by the runtime's");
            *self = Self::of_runtime(*period);
        }
        if let Self::Runtime(beats) = self {
            beats.tick().await;
        }
    }
}

fn timer(period: Duration) -> io::Result<AsyncFd<OwnedFd>> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let interval = Timespec::try_from(period).map_err(|_| io::ErrorKind::InvalidInput)?;
    // 0 would be never.
    let at_once = Timespec { tv_sec: 0, tv_nsec: 1 };
    let setting = Itimerspec { it_interval: interval, it_value: at_once };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)?;
    #[expect(deprecated, reason = "its successor is unsafe; the timer is made here and kept to the end")]
    let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
    Ok(timer)
}

async fn expired(timer: &AsyncFd<OwnedFd>) -> io::Result<()> {
    loop {
        let mut ready = timer.readable().await?;
        // How often it has expired since: once, or more after a stall.
        let mut times = [0; 8];
        match ready.try_io(|timer| Ok(rustix::io::read(timer, &mut times)?)) {
            Ok(read) => return read.map(drop),
            Err(_would_block) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn the_first_comes_at_once_and_the_others_no_sooner_than_their_period() {
        for mut beat in [Beat::of_kernel(PERIOD), Beat::of_runtime(PERIOD)] {
            let begun = Instant::now();
            for _ in 0..=10 {
                beat.tick().await;
            }
            assert!(begun.elapsed() >= 9 * PERIOD, "{beat:?} {:?}", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn a_timer_of_the_kernel_that_fails_is_replaced_and_the_beat_goes_on() {
        // What is read from it is an error: its peer has reset the connection.
        let (socket, peer) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        rustix::io::write(&socket, b"never read").unwrap();
        drop(peer);
        #[expect(deprecated, reason = "as in `timer`")]
        let broken = AsyncFd::with_interest(OwnedFd::from(socket), Interest::READABLE).unwrap();
        let mut beat = Beat::Kernel(broken, PERIOD);
        for _ in 0..3 {
            tokio::time::timeout(Duration::from_secs(60), beat.tick()).await.unwrap();
        }
        assert!(matches!(beat, Beat::Runtime(_)), "{beat:?}");
    }

    #[tokio::test]
    async fn what_was_missed_in_a_stall_is_not_made_up_for() {
        for mut beat in [Beat::of_kernel(PERIOD), Beat::of_runtime(PERIOD)] {
            beat.tick().await;
            std::thread::sleep(10 * PERIOD);
            let begun = Instant::now();
            for _ in 0..4 {
                beat.tick().await;
            }
            assert!(begun.elapsed() > PERIOD, "{beat:?} {:?}", begun.elapsed());
        }
    }
}
