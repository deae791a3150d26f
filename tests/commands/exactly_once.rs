//! Never twice, and always an end: kills at random instants of a command's life. What is counted is the wish to reboot, a
//! file that this test takes away as the system would, and the edges of an output.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use ems_test_harness::{Cloud, Edge, Pins, until};
use serde_json::{Value, json};

use super::{ask, ended, millis, published, wait_online};

const PUMP: u8 = 22;
/// How long after the end of its time to live a command may end.
const ANSWER_MS: i64 = 30_000;

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
    let (mut cloud, pins) = (Cloud::start(), Pins::new());
    let settings = published(&cloud)
        .with("COMMANDS_ALLOW", "all")
        .with("OUTPUTS", "pump:22")
        .with("OUTPUT_MIN_ON", "0s")
        .with("OUTPUT_MIN_OFF", "0s");
    let mut edge = Edge::start_under(&pins.wrapper(), &settings);
    wait_online(&cloud);
    let reboots = Reboots::watch(edge.runtime_dir().parent().unwrap().join("reboot"));
    let mut ends = BTreeMap::new();
    let mut latest = i64::MIN;
    for round in 0..rounds {
        let action = if round % 2 == 0 { "REBOOT" } else { "SET_OUTPUT" };
        let count = || match action {
            "REBOOT" => reboots.taken.load(Ordering::SeqCst),
            _ => pins.rises(PUMP),
        };
        let before = count();
        let payload = match action {
            "REBOOT" => json!({}),
            _ => json!({"output": "pump", "on": true, "for_s": 0.3}),
        };
        let id = ask(&cloud, &json!({"action": action, "payload": payload, "ttl_s": 5}));
        sleep(Duration::from_micros(fastrand::u64(0..30_000)));
        if fastrand::bool() {
            edge.kill();
            edge.make_outputs_safe();
            edge.start_again();
        } else {
            cloud.kill();
            cloud.start_again();
            until("the server", || (cloud.api().get("/api/devices/ems_001").status == 200).then_some(()));
        }
        wait_online(&cloud);
        let command = ended(&cloud, &id);
        latest = latest.max(stamp(&command["finished_at"]) - stamp(&command["expires_at"]));
        // The device's own end of it: a repeat finds the recorded answer.
        sleep(Duration::from_millis(100));
        let done = count() - before;
        assert!(done <= 1, "done {done} times: {command}");
        let end = format!("{action} {} {}", command["status"], command["reason_code"]);
        assert!(command["status"] != "REJECTED" || command["reason_code"] == "EXPIRED", "{command}");
        *ends.entry((end, done)).or_insert(0) += 1;
        until("the output off", || (!pins.is_high(PUMP)).then_some(()));
    }
    println!("{rounds} kills: {ends:?}");
    println!("the latest end of a command was {latest} ms after its time to live (before, if negative)");
    assert!(latest <= ANSWER_MS, "{latest} ms");
    let id = ask(&cloud, &json!({"action": "REBOOT"}));
    assert_eq!(ended(&cloud, &id)["status"], "SUCCEEDED");
}

fn stamp(value: &Value) -> i64 {
    millis(value.as_str().unwrap())
}
