//! What restarts the daemon, and what never does.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use ems_test_machine::{Frozen, Machine};

use crate::support::{CHIP, CONFIG, measuring, publishing};

/// `WatchdogSec=`, and 5 s for a stall to be noticed and the restart to be done.
const STALL: Duration = Duration::from_secs(30 + 5);
/// `FLUSH_INTERVAL=` of the test: a disk is stuck when it is written to, and it is that often.
const FLUSH: Duration = Duration::from_secs(5);
/// The time after which a transfer counts as one that never returns, and the rest.
const HANG: Duration = Duration::from_secs(60 + 35);

/// Freezes a thread, and waits for the restart; `limit` is the time that it may take.
fn stall(machine: &Machine, thread: &str, part: &str, limit: Duration) {
    let begin = Instant::now();
    let frozen: Frozen = machine.freeze(thread);
    machine.wait_property("NRestarts", |restarts| restarts == "1");
    let took = begin.elapsed();
    drop(frozen);
    println!("{part}: restarted after {:.1} s", took.as_secs_f64());
    assert!(took <= limit, "{part}: {took:?}");
    let journal = machine.journal();
    assert!(journal.contains(&format!("the {part} has made no progress for")), "{journal}");
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    machine.wait_property("StatusText", |status| status.contains(" V, "));
}

/// The main thread is the executor: every task stands still with it.
fn stuck_executor() {
    let (_cloud, machine) = publishing();
    stall(&machine, "ems-edge", "event loop", STALL);
}

/// The thread that owns the card, while it writes.
fn stuck_disk() {
    let (cloud, mut machine) = publishing();
    machine.write(CONFIG, &reaching(&cloud).with("FLUSH_INTERVAL", "5s").text());
    machine.succeed("systemctl restart ems-edge");
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    // Without a connection samples go to the card.
    machine.close_ports();
    cloud_goes(cloud);
    machine.wait_property("StatusText", |status| status.contains("not connected"));
    stall(&machine, "card", "store", FLUSH + STALL);
}

fn reaching(cloud: &ems_test_harness::Cloud) -> ems_test_harness::Settings {
    measuring(cloud).to(cloud.tls(), "/etc/ems-edge/ca.pem".as_ref())
}

fn cloud_goes(mut cloud: ems_test_harness::Cloud) {
    cloud.kill();
}

/// Two hangs in a row: the second comes within the hour.
fn stuck_transfer() {
    let (_cloud, machine) = publishing();
    let begin = Instant::now();
    machine.set_bus(&format!("{CHIP}\nhang"));
    machine.wait_property("NRestarts", |restarts| restarts == "1");
    let took = begin.elapsed();
    println!("transfer: restarted after {:.1} s", took.as_secs_f64());
    assert!((Duration::from_secs(60)..=HANG).contains(&took), "{took:?}");
    machine.wait_journal("a transfer on the I2C bus has not returned for 1 min");
    // The bus still hangs: samples say so, and there is no second restart.
    machine.wait_property("StatusText", |status| status.contains("SENSOR_LOST"));
    machine.wait_journal("so not again yet");
    machine.set_bus(CHIP);
    machine.wait_property("StatusText", |status| status.contains("13.30 V"));
    assert_eq!(machine.property("NRestarts"), "1");
}

/// What is trouble and no stall: a bus that is stuck in the usual way, no cloud, samples at long intervals.
fn trouble() {
    let (cloud, mut machine) = publishing();
    machine.write(CONFIG, &reaching(&cloud).with("SAMPLE_INTERVAL", "60s").text());
    machine.succeed("systemctl restart ems-edge");
    machine.set_bus("fault 110");
    machine.close_ports();
    cloud_goes(cloud);
    let pid = machine.property("MainPID");
    sleep(Duration::from_secs(80));
    machine.wait_property("StatusText", |status| {
        status.contains("SENSOR_LOST") && status.contains("not connected")
    });
    assert_eq!((machine.property("NRestarts"), machine.property("MainPID")), ("0".to_owned(), pid));
}

#[test]
fn a_part_that_stands_still_is_named_and_costs_a_restart_and_mere_trouble_does_not() {
    // Together: they wait most of the time.
    thread::scope(|scope| {
        for story in [stuck_executor, stuck_disk, stuck_transfer, trouble] {
            scope.spawn(story);
        }
    });
}
