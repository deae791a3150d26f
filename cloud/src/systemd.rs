//! What systemd is told (`sd_notify(3)`): ready, stopping, what is wrong, and that the server is alive.
//! Without systemd nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::sleep;
use tracing::warn;

use crate::store::Store;

/// The server serves at these addresses.
pub(crate) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The order to stop has come.
pub(crate) fn stopping(status: &str) {
    notify(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Why the server ends; `systemctl status` shows it.
pub(crate) fn failed(sentence: &str) {
    notify(&[NotifyState::Status(sentence)]);
}

/// Tells the watchdog that the server is alive: its tasks run, and its store answers, be it that the disk is full.
/// Ends at once if systemd does not ask for it.
pub(crate) async fn keep_alive(store: Store) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    loop {
        sleep(rhythm(limit)).await;
        // What it answers does not matter here: trouble with the disk is told by `/readyz`, and a restart does not
        // mend it.
        let _ = store.probe().await;
        notify(&[NotifyState::Watchdog]);
    }
}

/// systemd's own advice is half the limit; a busy disk gets more room.
fn rhythm(limit: Duration) -> Duration {
    limit / 4
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(states) {
        warn!(%problem, "systemd could not be told");
    }
}
