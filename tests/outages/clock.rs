//! Clocks that are wrong, and are set while the daemon runs: the cloud's time stamps are right all the same.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use ems_test_harness::{Cloud, Cut, Edge, FakeClock, Proxy, Sample, Wrapper, until};

use crate::{assert_all_arrived, fast, last_taken, let_take};

/// How far a time stamp may be from the time at which the sample was taken, in ms.
const RIGHT_MS: i64 = 1_000;
/// For a card that is to go on in a later boot.
const FIRST_BOOT: &str = "c0000000-0000-4000-8000-000000000001";
const SECOND_BOOT: &str = "c0000000-0000-4000-8000-000000000002";

/// The stamps are right and in the order of the numbers; each sample is 100 ms after the one before, give or take what
/// a busy machine does.
#[track_caller]
fn assert_right(what: &str, samples: &[Sample]) {
    for pair in samples.windows(2) {
        let (step, numbers) = (pair[1].millis() - pair[0].millis(), pair[1].seq() - pair[0].seq());
        assert_eq!(numbers, 1, "{what}: not in the order of the numbers");
        assert!(step > 0 && step < RIGHT_MS, "{what}: {step} ms between {} and {}", pair[0].0, pair[1].0);
    }
    // A live one arrives within milliseconds: the last of them is true to the second, and so are the others.
    let late = samples.iter().map(|sample| sample.received_millis() - sample.millis()).min().unwrap();
    assert!(late.abs() < RIGHT_MS, "{what}: off by {late} ms");
}

fn qualities(samples: &[Sample]) -> Vec<&str> {
    let mut all: Vec<&str> = samples.iter().map(|sample| sample.0["clock"].as_str().unwrap()).collect();
    all.dedup();
    all
}

#[test]
fn a_clock_three_months_in_the_past_that_is_stepped_about_leaves_every_stamp_right() {
    let cloud = Cloud::start();
    let proxy = Proxy::start(cloud.tls());
    let clock = FakeClock::off_by("+0");
    let settings = fast(cloud.device()).to(proxy.address(), &cloud.ca_file());
    // The first connection tells the daemon a time that has certainly passed: it is later than the build's.
    let mut edge = Edge::start_under(&clock.wrapper(), &settings);
    cloud.api().wait_for("ems_001", "the first samples", |samples| samples.len() >= 10);
    assert!(edge.stop().success());
    proxy.refuse();
    clock.step_to("-90d");
    edge.start_again();
    let_take(&edge, 30);
    proxy.pass();
    for offset in ["-90d", "+0", "-5h", "+300d"] {
        clock.step_to(offset);
        let_take(&edge, 30);
        proxy.cut(Cut::Reset);
        let_take(&edge, 10);
    }
    let samples = assert_all_arrived("a clock that is stepped about", &cloud, &edge);
    // The daemon was away between its two runs.
    let gap = samples.windows(2).position(|pair| pair[1].millis() - pair[0].millis() >= RIGHT_MS);
    let second = &samples[gap.map_or(0, |at| at + 1)..];
    assert!(second.len() >= 150, "{} samples", second.len());
    assert_right("a clock that is stepped about", second);
    assert_eq!(qualities(second), ["server"]);
    println!("{} samples of a clock that is stepped about are right", second.len());
}

#[test]
fn samples_that_were_taken_before_ntp_set_the_clock_are_labelled_by_it_when_they_are_sent() {
    let cloud = Cloud::start();
    let proxy = Proxy::start(cloud.tls());
    proxy.refuse();
    let clock = FakeClock::off_by("-90d");
    let edge =
        Edge::start_under(&clock.wrapper(), &fast(cloud.device()).to(proxy.address(), &cloud.ca_file()));
    let_take(&edge, 100);
    clock.synchronise();
    // The flag is looked at every ten seconds.
    let_take(&edge, 110);
    proxy.pass();
    until("a connection", || (edge.status()["link"]["phase"] == "connected").then_some(()));
    let_take(&edge, 10);
    let samples = assert_all_arrived("a clock that NTP has set", &cloud, &edge);
    assert_right("a clock that NTP has set", &samples);
    assert_eq!(qualities(&samples), ["synced"]);
    println!("{} samples from before and after NTP are right", samples.len());
}

#[test]
fn a_certificate_that_is_not_yet_valid_is_named_and_taken_once_the_clock_is_set() {
    let later = FakeClock::off_by("+400d");
    let cloud = Cloud::start_with(Ipv4Addr::LOCALHOST.into(), &later.wrapper());
    let clock = FakeClock::off_by("-90d");
    let settings = fast(cloud.device()).to(cloud.tls(), &cloud.ca_file());
    let mut edge = Edge::start_under(&clock.wrapper(), &settings);
    edge.process().says("not yet valid");
    let_take(&edge, 20);
    clock.step_to("+400d");
    let_take(&edge, 20);
    let samples = assert_all_arrived("a certificate from the future", &cloud, &edge);
    assert_right("a certificate from the future", &samples);
    assert_eq!(qualities(&samples), ["server"]);
}

#[test]
fn a_boot_that_never_knew_the_time_is_sent_as_such_in_its_order_and_nothing_expires() {
    let cloud = Cloud::start();
    let proxy = Proxy::start(cloud.tls());
    proxy.refuse();
    let clock = FakeClock::off_by("-90d");
    let settings = fast(cloud.device()).to(proxy.address(), &cloud.ca_file());
    let wrapper = |boot: &str| clock.wrapper().inside(Wrapper::in_boot(boot));
    let mut edge = Edge::start_under(&wrapper(FIRST_BOOT), &settings);
    let_take(&edge, 60);
    let last = last_taken(&edge);
    edge.restart_under(&wrapper(SECOND_BOOT));
    sleep(Duration::from_secs(1));
    proxy.pass();
    let samples = cloud.api().wait_for("ems_001", "both boots", |samples| {
        let of = |boot: &str, seq: u64| samples.iter().any(|s| s.boot_id() == boot && s.seq() >= seq);
        of(FIRST_BOOT, last) && of(SECOND_BOOT, 0)
    });
    let first: Vec<Sample> = samples.iter().filter(|s| s.boot_id() == FIRST_BOOT).cloned().collect();
    ems_test_harness::assert_whole("the first boot", &first, true);
    assert!(first.windows(2).all(|pair| pair[0].seq() + 1 == pair[1].seq()), "not in order");
    assert_eq!(qualities(&first), ["unsynced"]);
    let second: Vec<Sample> = samples.iter().filter(|s| s.boot_id() == SECOND_BOOT).cloned().collect();
    assert_right("the second boot", &second);
    assert_eq!(qualities(&second), ["server"]);
}

#[test]
fn a_server_that_tells_a_time_after_the_end_of_its_certificate_locks_nobody_out() {
    let mut cloud = Cloud::start();
    assert!(cloud.stop().success());
    // Its certificate ends in less than three years.
    let ahead = FakeClock::off_by("+2000d");
    cloud.start_again_under(&ahead.wrapper());
    let clock = FakeClock::off_by("+0");
    let settings = fast(cloud.device()).to(cloud.tls(), &cloud.ca_file());
    let mut edge = Edge::start_under(&clock.wrapper(), &settings);
    edge.process().says("is not believed");
    let_take(&edge, 10);
    assert!(edge.stop().success());
    assert!(cloud.stop().success());
    cloud.start_again();
    edge.start_again();
    let_take(&edge, 20);
    let samples = assert_all_arrived("a server whose clock was wrong", &cloud, &edge);
    assert!(samples.iter().all(|sample| sample.millis() - sample.received_millis() < RIGHT_MS));
}

#[test]
fn a_clock_that_ntp_puts_back_ends_the_expiry_of_certificates_without_a_restart() {
    let cloud = Cloud::start();
    let clock = FakeClock::off_by("+2000d");
    let settings = fast(cloud.device()).to(cloud.tls(), &cloud.ca_file());
    clock.synchronise();
    clock.step_to("+2000d");
    let mut edge = Edge::start_under(&clock.wrapper(), &settings);
    edge.process().says("has expired");
    let_take(&edge, 10);
    assert!(edge.stop().success());
    clock.synchronise();
    edge.start_again();
    let_take(&edge, 20);
    assert_all_arrived("a clock that was put back", &cloud, &edge);
}
