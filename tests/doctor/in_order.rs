//! What is well is in order, and the examination harms nobody.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use ems_test_harness::{Cloud, program, run};
use serde_json::json;

use crate::{Diagnosis, FAILED, Site, examine_until, somewhere};

#[test]
fn a_device_that_is_well_is_in_order_with_the_daemon_stopped_and_running() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let stopped = site.examine();
    stopped.is_well();
    for id in ["config", "secrets", "device", "sensor", "reading", "shunt", "sign", "tls", "token", "clock"] {
        assert_eq!(stopped.of_check(id)["status"], "ok", "{stopped:#?}");
    }
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| {
        let is_ok = |id: &str| seen.of_check(id)["status"] == "ok";
        seen.status == 0 && ["sensor", "reading", "token", "conflict"].into_iter().all(is_ok)
    });
}

#[test]
fn a_doctor_beside_the_daemon_takes_neither_its_connection_nor_its_chip() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    for _ in 0..3 {
        Diagnosis::of(&run(edge.subcommand("doctor --json"))).is_well();
    }
    let log = edge.log();
    assert!(!log.contains("WARN") && log.matches("connected to").count() == 1, "{log}");
    let samples = cloud.api().samples("ems_001");
    assert!(samples.iter().all(|sample| sample.flags().is_empty()), "{samples:?}");
}

#[test]
fn a_doctor_without_the_daemon_connects_to_nobodys_cost_and_writes_nothing_to_the_chip() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    // As the chip is when it has just been switched on: the daemon's settings would differ.
    let read = || run(site.bus.around(&raw(&site)));
    site.examine().is_well();
    assert!(read().stdout.contains("CONFIGURATION    0x4127"), "{:?}", read());
    assert!(cloud.api().samples("ems_001").is_empty());
    let events = cloud.api().get("/api/devices/ems_001/events").body;
    assert_eq!(events["events"], json!([]), "{events}");
}

#[test]
fn a_daemon_that_runs_under_its_old_name_is_found_and_its_chip_left_alone() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    let mut doctor = edge.subcommand("doctor --json");
    doctor.env("DEVICE_ID", "ems_002");
    let found = Diagnosis::of(&run(doctor));
    assert_eq!(
        (found.codes("failed"), found.codes("warning")),
        (vec![], vec!["config.not_applied"]),
        "{found:#?}"
    );
    assert!(
        found.of_check("sensor")["message"].as_str().unwrap().contains("answers the daemon"),
        "{found:#?}"
    );
}

#[test]
fn a_server_that_never_answers_does_not_hold_the_doctor_up() {
    // A queue that is never taken from: connections stand, and nothing is ever said.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let site = Site::new(somewhere(address)).with("SERVER_URL", &format!("wss://{address}"));
    site.bus.set("chip 0x40 ina226 volts=26.6\nhang");
    let begin = std::time::Instant::now();
    let found = site.examine();
    // A bound for people, not a measure of this machine: the doctor's own is below 15 s.
    assert!(begin.elapsed() < std::time::Duration::from_secs(40), "{:?}", begin.elapsed());
    assert_eq!(found.codes("failed"), ["sensor.bus_stuck", "tls.broken"], "{found:#?}");
}

#[test]
fn people_get_80_columns_with_the_remedy_and_no_colour_in_a_pipe() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    site.bus.set("# nobody");
    let seen = site.doctor_after(":", "");
    assert_eq!(seen.status, FAILED);
    assert!(seen.stdout.lines().all(|line| line.chars().count() <= 80), "{}", seen.stdout);
    assert!(
        seen.stdout.contains("FAILED   sensor") && seen.stdout.contains("-> check power"),
        "{}",
        seen.stdout
    );
    assert!(
        seen.stdout.ends_with("Not in order: sensor.\n") && !seen.stdout.contains('\x1b'),
        "{}",
        seen.stdout
    );
}

fn raw(site: &Site) -> Command {
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().args(["read", "--raw", "--config"]).arg(site.dir.path().join("config.env"));
    command
}
