//! How far devices and pages spread their return when they have lost the server: ten thousand that come back in the
//! same second would keep each other out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use crate::app::App;

/// Devices and pages that are let come back in a second. A core accepts four times as many with TLS; it has other work as well.
const PER_SECOND: usize = 1000;
/// The longest window, s: a battery is not left alone for longer because it has many sisters.
const LONGEST: u32 = 300;
/// How often they are counted.
const COUNT: Duration = Duration::from_secs(10);

/// The window that they are told: in `device.welcome` and `system.connection` for the case that the server is lost
/// without a word, and in the reason of the close codes 1012 and 1013.
#[derive(Default)]
pub struct RetryWindow(AtomicU32);

impl RetryWindow {
    /// So many are expected to come back together.
    pub fn expect(&self, sockets: usize) {
        let seconds = u32::try_from(sockets / PER_SECOND).unwrap_or(LONGEST).min(LONGEST);
        self.0.store(seconds, Ordering::Relaxed);
    }

    /// In seconds; 0 for few, who come back at once.
    pub fn seconds(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Follows the size of the fleet, and how many watch it, for as long as the server runs.
pub async fn keep_watch(app: Arc<App>) {
    loop {
        app.retry.expect(app.fleet.active() + app.limits.addresses.taken());
        sleep(COUNT).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_fleet_comes_back_at_once_and_no_fleet_waits_for_ever() {
        let window = RetryWindow::default();
        for (devices, seconds) in [(0, 0), (999, 0), (10_000, 10), (usize::MAX, LONGEST)] {
            window.expect(devices);
            assert_eq!(window.seconds(), seconds, "{devices} devices");
        }
    }
}
