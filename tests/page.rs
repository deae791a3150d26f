//! The live page in a real browser: real cloud, real daemon, simulated pack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::process::Command;

use ems_test_harness::{ADMIN, Cloud, Edge, Process, Settings, chromium, repository, target_dir};
use serde_json::Value;

/// The script that drives the page.
struct Browser {
    process: Process,
}

impl Browser {
    fn start(cloud: &Cloud) -> Self {
        let script = repository().join("tests/browser/live.mjs");
        let installed = script.with_file_name("node_modules/playwright-core/package.json");
        assert!(installed.is_file(), "{} is missing: run `scripts/test-browser`", installed.display());
        // Beside the profile's folder: target/screenshots.
        let screenshots = target_dir().with_file_name("screenshots");
        fs::create_dir_all(&screenshots).unwrap();
        let mut node = Command::new("node");
        node.arg(script)
            .env("PAGE_URL", cloud.origin())
            .env("PAGE_USER", ADMIN)
            .env("PAGE_PASSWORD", cloud.password())
            .env("CHROMIUM", chromium())
            .env("SCREENSHOTS", screenshots);
        let process =
            Process::start("the browser's script", node, &cloud.data_dir().with_file_name("browser.log"));
        Self { process }
    }

    /// Waits until the script tells `word` and gives what came with it.
    #[track_caller]
    fn tells(&mut self, word: &str) -> Value {
        serde_json::from_str(&self.process.line_after(&format!("{word} "))).unwrap()
    }
}

#[test]
fn the_live_page_shows_a_voltage_that_changes_each_second_and_recovers_from_losses_by_itself() {
    let mut cloud = Cloud::start();
    let settings = Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file());
    let mut edge = Edge::start(&settings);
    let mut browser = Browser::start(&cloud);

    assert_eq!(browser.tells("devices"), 1);
    let voltages = browser.tells("voltages");
    let voltages: Vec<f64> =
        voltages.as_array().unwrap().iter().map(|text| text.as_str().unwrap().parse().unwrap()).collect();
    // Watched for 12 s.
    assert!(voltages.len() > 8, "the voltage does not change each second: {voltages:?}");
    assert!(voltages.iter().all(|volts| (40.0..60.0).contains(volts)), "{voltages:?}");
    let painted = browser.tells("painted");
    let painted = painted.as_array().unwrap();
    assert!(
        !painted.is_empty() && painted.iter().all(|pixels| pixels.as_u64().unwrap() > 100),
        "{painted:?}"
    );
    assert_eq!(browser.tells("overflow"), 0, "the page is wider than a phone");
    assert_eq!(browser.tells("complaints"), serde_json::json!([]), "the browser complains");

    browser.tells("stop-the-device");
    edge.stop();
    browser.tells("start-the-device");
    let edge = Edge::start(&settings);
    browser.tells("kill-the-cloud");
    cloud.kill();
    browser.tells("start-the-cloud");
    cloud.start_again();
    browser.tells("recovered");
    assert_eq!(browser.tells("after-logout"), 401);
    assert!(browser.process.wait().success());
    drop(edge);
}
