//! What is known of the battery outlives a restart and a power cut.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use ems_test_harness::{Cloud, Edge, Sample, Settings};

/// State of charge and its interval.
fn soc(sample: &Sample) -> (f64, f64, f64) {
    let battery = &sample.0["battery"];
    let field = |name: &str| battery[name].as_f64().unwrap_or_else(|| panic!("no {name} in {battery}"));
    (field("soc_low"), field("soc"), field("soc_high"))
}

fn energy(sample: &Sample) -> f64 {
    let battery = &sample.0["battery"];
    battery["energy_in"].as_f64().unwrap() + battery["energy_out"].as_f64().unwrap()
}

fn settings(cloud: &Cloud) -> Settings {
    Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()).with("SAMPLE_INTERVAL", "100ms")
}

/// More than a Wh has been counted.
fn counted(samples: &[Sample]) -> bool {
    samples.last().is_some_and(|sample| !sample.is_gap() && energy(sample) > 0.001)
}

#[track_caller]
fn assert_goes_on(before: &Sample, after: &Sample) {
    let ((low, _, high), (_, now, _)) = (soc(before), soc(after));
    assert!(low <= now && now <= high, "{now} % is not within {low} to {high} %");
    assert!(energy(after) >= energy(before), "{} kWh after {} kWh", energy(after), energy(before));
}

#[test]
fn a_killed_daemon_goes_on_with_the_battery_where_it_was() {
    let cloud = Cloud::start();
    let mut edge = Edge::start(&settings(&cloud));
    cloud.api().wait_for("ems_001", "a Wh", counted);
    edge.kill_and_restart();
    let before = cloud.api().samples("ems_001");
    let count = before.len();
    let samples = cloud.api().wait_for("ems_001", "more samples", |samples| samples.len() >= count + 20);
    // On a machine that is busy a reading may miss its deadline.
    let samples: Vec<_> = samples.into_iter().filter(|sample| !sample.is_gap()).collect();
    for pair in samples.windows(2) {
        assert_goes_on(&pair[0], &pair[1]);
    }
    assert!(edge.log().contains("goes on from what was kept"), "{}", edge.log());
}

#[test]
fn a_power_cut_goes_back_to_the_anchor_on_the_card() {
    let cloud = Cloud::start();
    let mut edge = Edge::start(&settings(&cloud));
    cloud.api().wait_for("ems_001", "a Wh", counted);
    // A stop leaves the anchor.
    edge.restart();
    let before = cloud.api().samples("ems_001");
    edge.cut_power();
    let log = edge.log();
    let count = cloud.api().samples("ems_001").len();
    let samples = cloud.api().wait_for("ems_001", "more samples", |samples| samples.len() >= count + 20);
    assert_goes_on(before.last().unwrap(), samples.last().unwrap());
    assert!(log.contains("goes on from what was kept"), "{log}");
}

#[test]
fn what_was_kept_of_another_pack_is_not_used_and_that_is_said() {
    let cloud = Cloud::start();
    let mut edge = Edge::start(&settings(&cloud));
    cloud.api().wait_for("ems_001", "a Wh", counted);
    edge.stop();
    let other = edge.settings().clone().with("CAPACITY_AH", "200");
    let config = std::path::Path::new(edge.settings().get("STATE_DIR")).parent().unwrap().join("config.env");
    std::fs::write(config, other.text()).unwrap();
    edge.kill_and_restart();
    assert!(edge.log().contains("another pack"), "{}", edge.log());
}

#[test]
fn what_was_kept_and_cannot_be_read_is_told_and_kept_aside_once() {
    let cloud = Cloud::start();
    let mut edge = Edge::start(&settings(&cloud));
    cloud.api().wait_for("ems_001", "a Wh", counted);
    let folder = |key: &str| Path::new(edge.settings().get(key)).join("ems_001");
    let (file, database) = (folder("RUNTIME_DIR").join("battery"), folder("STATE_DIR").join("card.sqlite"));
    let set_aside = file.with_file_name("battery-unread");
    for garbage in [[0xA5; 8192], [0x5A; 8192]] {
        edge.stop();
        fs::write(&file, garbage).unwrap();
        let card = Connection::open(&database).unwrap();
        assert_eq!(card.execute("UPDATE meta SET data = ?1 WHERE key = 'battery'", (&garbage[..99],)), Ok(1));
        card.close().unwrap();
        edge.kill_and_restart();
        let log = edge.log();
        let warned = |words: &str| log.lines().any(|line| line.contains("WARN") && line.contains(words));
        assert!(warned("the totals of energy and cycles start anew"), "{log}");
        assert!(warned(&format!("it is kept as {}", set_aside.display())), "{log}");
        assert_eq!(fs::read(&set_aside).unwrap(), garbage);
        edge.stop();
        let card = Connection::open(&database).unwrap();
        let select = "SELECT data FROM meta WHERE key = 'battery-unread'";
        let kept: Vec<u8> = card.query_row(select, (), |row| row.get(0)).unwrap();
        assert!(kept.windows(99).any(|bytes| bytes == &garbage[..99]), "{kept:?}");
        card.close().unwrap();
        edge.kill_and_restart();
        let log = edge.log();
        assert!(log.contains("goes on from what was kept") && !log.contains("start anew"), "{log}");
    }
    edge.stop();
    fs::remove_file(&file).unwrap();
    fs::write(&database, [0xA5; 8192]).unwrap();
    fs::remove_file(database.with_file_name("card.sqlite-wal")).unwrap();
    edge.kill_and_restart();
    let log = edge.log();
    assert!(log.contains("nothing of the battery was left") && log.contains("start anew"), "{log}");
}
