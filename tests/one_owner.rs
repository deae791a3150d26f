//! One process owns an identity.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ems_test_harness::{Cloud, Edge, Settings, run};

#[test]
fn a_second_daemon_with_the_same_identity_says_so_and_ends_and_the_first_goes_on() {
    let cloud = Cloud::start();
    let settings =
        Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()).with("SAMPLE_INTERVAL", "100ms");
    let mut edge = Edge::start(&settings);
    cloud.api().wait_for("ems_001", "a sample", |samples| !samples.is_empty());

    let second = run(edge.command());
    assert_eq!(second.status, 1, "{second:?}");
    let said = &second.stderr;
    assert!(said.contains("already runs as ems_001") && said.contains("STATE_DIR"), "{said}");
    assert!(!said.contains("sk_"), "{said}");

    let before = cloud.api().samples("ems_001").len();
    cloud.api().wait_for("ems_001", "more samples", |samples| samples.len() >= before + 5);
    assert!(edge.process().is_running());
    let connections = cloud.log().matches("device connected").count();
    assert_eq!(connections, 1, "the second one has disturbed the first:\n{}", cloud.log());
}

#[test]
fn a_killed_daemon_leaves_no_lock_behind_and_its_successor_goes_on_counting() {
    let cloud = Cloud::start();
    let settings =
        Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()).with("SAMPLE_INTERVAL", "100ms");
    let mut edge = Edge::start(&settings);
    cloud.api().wait_for("ems_001", "five samples", |samples| samples.len() >= 5);
    edge.kill_and_restart();
    let before = cloud.api().samples("ems_001").len();
    let samples = cloud.api().wait_for("ems_001", "more samples", |samples| samples.len() >= before + 5);
    let boot = samples[0].boot_id();
    assert!(samples.iter().all(|sample| sample.boot_id() == boot), "the boot is the same: {samples:?}");
    assert!(samples.windows(2).all(|pair| pair[0].seq() < pair[1].seq()), "numbers go on: {samples:?}");
}
