//! What the daemon tells the service manager.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use ems_test_harness::{Bus, Certificates, Cloud, Device, Edge, FakeClock, Settings, until_within};
use tempfile::TempDir;

#[test]
fn it_is_ready_when_its_loops_run_though_neither_sensor_nor_server_answers() {
    let dir = TempDir::new().expect("a temporary folder");
    let certificates = Certificates::make(dir.path());
    // A port that is taken, and nobody listens.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("an address");
    drop(taken);
    let bus = Bus::new("# no chip");
    let device = Device { id: "ems_001".to_owned(), token: "sk_live_of_this_test".to_owned() };
    let settings = Settings::of(&device).to(address, &certificates.ca).measuring("ina226", &bus.node(), 4);

    // Returns at READY.
    let mut edge = Edge::start_on(&bus, &settings.with("SAMPLE_INTERVAL", "200ms"));
    let trouble = |status: &str| status.contains("SENSOR_LOST") && status.contains("not connected");
    edge.notify().wait_for("a status that names the trouble", trouble);
    edge.notify().wait_for("the watchdog to be fed", |message| message == "WATCHDOG=1");
    assert!(edge.stop().success());
}

/// `WatchdogSec=` of the unit.
const WATCHDOG: Duration = Duration::from_secs(30);

#[test]
fn no_outage_and_no_clock_that_is_set_by_an_hour_keeps_the_watchdog_from_being_fed() {
    let mut cloud = Cloud::start();
    let clock = FakeClock::off_by("+0");
    let settings = Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file());
    let edge = Edge::start_under(&clock.wrapper(), &settings.with("SAMPLE_INTERVAL", "100ms"));
    edge.notify().wait_for("a connection", |message| message.contains("; connected"));
    cloud.kill();
    edge.notify().wait_for("the outage", |message| message.contains("not connected"));
    for offset in ["+1h", "-1h", "+0"] {
        clock.step_to(offset);
        edge.notify().clear();
        until_within(WATCHDOG, "the watchdog to be fed again and again", || {
            let messages = edge.notify().messages();
            (messages.iter().filter(|message| *message == "WATCHDOG=1").count() >= 3).then_some(())
        });
    }
    assert!(!edge.log().contains("no progress"), "{}", edge.log());
}

#[test]
fn its_status_shows_volts_amps_charge_and_link() {
    let cloud = Cloud::start();
    let edge = Edge::start(&Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()));
    let status = edge.notify().wait_for("a live status", |message| {
        message.starts_with("STATUS=") && message.contains(" V, ") && message.contains("; connected")
    });
    assert!(status.contains(" A, SOC ") && status.contains(" %"), "{status}");
}
