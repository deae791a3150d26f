//! Never twice, and always an end: kills at random instants of a command's life. What is counted is the wish to reboot,
//! a file that this test takes away as the system would.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use ems_test_harness::{Cloud, until};
use serde_json::json;

use super::{ask, ended, published, start, wait_online};

/// Takes wishes, and counts them.
struct Reboots {
    taken: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Reboots {
    fn watch(file: PathBuf) -> Self {
        let (taken, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (taken.clone(), stop.clone());
        thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                if fs::remove_file(&file).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                sleep(Duration::from_millis(1));
            }
        });
        Self { taken, stop }
    }
}

impl Drop for Reboots {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_command_is_done_at_most_once_and_always_ends_whoever_is_killed() {
    let rounds: u64 = std::env::var("EMS_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut cloud = Cloud::start();
    let mut edge = start(&cloud, &published(&cloud).with("COMMANDS_ALLOW", "all"));
    let reboots = Reboots::watch(edge.runtime_dir().parent().unwrap().join("reboot"));
    let mut ends = std::collections::BTreeMap::new();
    for _ in 0..rounds {
        let before = reboots.taken.load(Ordering::SeqCst);
        let id = ask(&cloud, &json!({"action": "REBOOT", "ttl_s": 5}));
        sleep(Duration::from_micros(fastrand::u64(0..30_000)));
        if fastrand::bool() {
            edge.kill_and_restart();
        } else {
            cloud.kill();
            cloud.start_again();
            until("the server", || (cloud.api().get("/api/devices/ems_001").status == 200).then_some(()));
        }
        wait_online(&cloud);
        let command = ended(&cloud, &id);
        // The device's own end of it: a repeat finds the recorded answer.
        sleep(Duration::from_millis(100));
        let done = reboots.taken.load(Ordering::SeqCst) - before;
        assert!(done <= 1, "done {done} times: {command}");
        let end = format!("{} {}", command["status"], command["reason_code"]);
        assert!(command["status"] != "REJECTED", "{command}");
        *ends.entry((end, done)).or_insert(0) += 1;
    }
    println!("{rounds} kills: {ends:?}");
    let id = ask(&cloud, &json!({"action": "REBOOT"}));
    assert_eq!(ended(&cloud, &id)["status"], "SUCCEEDED");
}
