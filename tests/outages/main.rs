//! Nothing is lost: the real daemon and the real cloud through every trouble that a network, a power supply, a clock
//! and a card can have, counted at the cloud.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod card;
mod clock;
mod drain;
mod kills;
mod links;
mod network;
mod power;
mod retry_window;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ems_test_harness::{Cloud, Device, Edge, PATIENCE, Sample, Settings, assert_whole, until};

/// Ten samples a second, which go to the card as soon as a configuration lets them.
fn fast(device: &Device) -> Settings {
    Settings::of(device).with("SAMPLE_INTERVAL", "100ms").with("FLUSH_INTERVAL", "5s")
}

/// The number of the last sample that the daemon has taken.
#[track_caller]
fn last_taken(edge: &Edge) -> u64 {
    until("a reading", || edge.status()["reading"]["seq"].as_u64())
}

/// Waits until the daemon has taken so many more samples.
#[track_caller]
fn let_take(edge: &Edge, more: u64) {
    let before = last_taken(edge);
    until(&format!("{more} samples more"), || (last_taken(edge) >= before + more).then_some(()));
}

/// Samples that wait for no longer than an acknowledgement takes on a busy machine.
const ON_THEIR_WAY: u64 = 20;

/// Waits until the cloud has all that the daemon has taken up to now, and checks that each is there once.
#[track_caller]
fn assert_all_arrived(what: &str, cloud: &Cloud, edge: &Edge) -> Vec<Sample> {
    let (id, last) = (edge.settings().get("DEVICE_ID"), last_taken(edge));
    let start = Instant::now();
    let mut samples = loop {
        let samples = cloud.api().samples(id);
        let stored: BTreeSet<u64> = samples.iter().map(Sample::seq).collect();
        // A live sample may be there before older ones.
        let first = *stored.first().unwrap_or(&last).min(&last);
        let missing: Vec<u64> = (first..=last).filter(|number| !stored.contains(number)).collect();
        let status = edge.status();
        let (link, backlog) = (&status["link"], &status["backlog"]);
        let waiting = backlog["memory"].as_u64().unwrap_or(0) + backlog["card"].as_u64().unwrap_or(0);
        if missing.is_empty() && waiting <= ON_THEIR_WAY {
            break samples;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{what}: of {first} to {last} {missing:?} are missing, {waiting} wait; {link} {backlog}"
        );
        sleep(Duration::from_millis(200));
    };
    // Later ones may still be on their way in another order.
    samples.retain(|sample| sample.seq() <= last);
    assert_whole(what, &samples, true);
    samples
}
