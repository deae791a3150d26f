//! Weeks without the cloud in the time that a test has: the whole daemon, on a clock that jumps over what it waits for.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use tracing::Level;

use super::{Origin, serve};
use crate::beat::Beat;
use crate::config::{self, Config};
use crate::health::Pulse;
use crate::journal;

/// What the watchdog must see of each part in this time, which is a third of `WatchdogSec=`.
const LOOK: Duration = Duration::from_secs(10);
/// The real time that a held up thread gets.
const GRACE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_hours(24);
/// What passes, unless `EMS_TEST_OUTAGE_DAYS` says how many days.
const USUAL: Duration = Duration::from_hours(6);

/// A device with a simulated battery that reports where nobody listens.
fn config_in(dir: &Path) -> Config {
    let folder = |name: &str| dir.join(name).display().to_string();
    let text = format!(
        "DEVICE_ID=ems_001\nAPI_TOKEN=sk_of_this_test_alone\nSERVER_URL=ws://127.0.0.1:9\nSENSOR=simulated\nSAMPLE_INTERVAL=60s\nSTATE_DIR={}\nRUNTIME_DIR={}\n",
        folder("state"),
        folder("run"),
    );
    let path = dir.join("config.env");
    fs::write(&path, text).unwrap();
    config::load(Some(&path), |_| None).unwrap().config
}

/// The part without progress since `seen`. Other threads have real time only: one that is held up while it wakes a part
/// gets some, in which this clock stands still.
async fn stalled(pulse: &Pulse, seen: &[u64; Pulse::PARTS]) -> Option<&'static str> {
    let begin = std::time::Instant::now();
    loop {
        let part = pulse.without_progress(seen, &pulse.counts());
        if part.is_none() || begin.elapsed() > GRACE {
            return part;
        }
        std::thread::sleep(Duration::from_millis(1));
        yield_now().await;
    }
}

#[test]
fn days_without_the_cloud_leave_no_part_of_the_daemon_without_progress() {
    let days = std::env::var("EMS_TEST_OUTAGE_DAYS");
    let time = days.map_or(USUAL, |days| DAY * days.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let config = config_in(dir.path());
    let origin = Origin { path: None, log: journal::start(Level::ERROR), spare_token: None };
    let runtime =
        Builder::new_current_thread().enable_all().start_paused(true).build_local(LocalOptions::default());
    runtime.unwrap().block_on(async {
        let pulse = Pulse::default();
        let mut daemon = pin!(serve(&config, origin, pulse.clone(), Beat::of_runtime));
        let begin = Instant::now();
        let mut seen = pulse.counts();
        while begin.elapsed() < time {
            tokio::select! {
                ended = &mut daemon => panic!("it ended after {:?}: {ended:?}", begin.elapsed()),
                () = sleep(LOOK) => {}
            }
            assert_eq!(stalled(&pulse, &seen).await, None, "after {:?}", begin.elapsed());
            seen = pulse.counts();
        }
        println!("{time:?} without the cloud: {seen:?} rounds of event loop, sampler, uplink and store");
    });
}
