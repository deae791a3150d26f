//! The live page in a real browser: real cloud, real daemon, simulated pack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says its figures"
)]

use std::fs;
use std::process::Command;

use ems_test_harness::{
    ADMIN, Cloud, Cut, Device, Edge, Process, Proxy, Settings, chromium, repository, target_dir,
};
use serde_json::{Value, json};

/// A script that drives the page.
struct Browser {
    process: Process,
}

impl Browser {
    /// Runs `script` of `tests/browser` against the page at `origin`.
    fn start(cloud: &Cloud, origin: &str, script: &str, devices: &[Device]) -> Self {
        let script = repository().join("tests/browser").join(script);
        let installed = script.with_file_name("node_modules/playwright-core/package.json");
        assert!(installed.is_file(), "{} is missing: run `scripts/test-browser`", installed.display());
        // Beside the profile's folder: target/screenshots.
        let screenshots = target_dir().with_file_name("screenshots");
        fs::create_dir_all(&screenshots).unwrap();
        let devices: Vec<Value> =
            devices.iter().map(|device| json!({"id": device.id, "token": device.token})).collect();
        let mut node = Command::new("node");
        node.arg(script)
            .env("PAGE_URL", origin)
            .env("PAGE_USER", ADMIN)
            .env("PAGE_PASSWORD", cloud.password())
            .env("CHROMIUM", chromium())
            .env("SCREENSHOTS", screenshots)
            .env("DEVICES", Value::from(devices).to_string());
        let process =
            Process::start("the browser's script", node, &cloud.data_dir().with_file_name("browser.log"));
        Self { process }
    }

    /// Waits until the script tells `word` and gives what came with it.
    #[track_caller]
    fn tells(&mut self, word: &str) -> Value {
        serde_json::from_str(&self.process.line_after(&format!("{word} "))).unwrap()
    }

    /// As [`Self::tells`]: a list in which there should be nothing.
    #[track_caller]
    fn tells_nothing(&mut self, word: &str) {
        let found = self.tells(word);
        assert_eq!(found, json!([]), "{word}");
    }
}

#[test]
fn the_live_page_shows_a_voltage_that_changes_each_second_and_recovers_from_losses_by_itself() {
    let mut cloud = Cloud::start();
    let line = Proxy::start(cloud.tls());
    let settings = Settings::of(cloud.device()).to(line.address(), &cloud.ca_file());
    let mut edge = Edge::start(&settings);
    // The page's own way to the server, which can be cut without the device's.
    let network = Proxy::start(cloud.plain());
    let mut browser = Browser::start(&cloud, &format!("http://{}", network.address()), "live.mjs", &[]);

    browser.tells_nothing("serious-login");
    println!("the first value after the login: {} ms", browser.tells("first-value-ms"));
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
    let cursors = browser.tells("cursors");
    let cursors = cursors.as_array().unwrap();
    assert!(cursors.len() >= 3 && cursors.iter().all(|shown| shown == true), "one cursor: {cursors:?}");
    assert_eq!(browser.tells("overflow"), 0, "the page is wider than the screen");
    browser.tells_nothing("serious");
    let hidden = browser.tells("hidden");
    assert_eq!(hidden, json!({"strokes": 0, "since": "string"}), "a hidden page rests and catches up");
    browser.tells_nothing("complaints");

    browser.tells("stop-the-device");
    edge.stop();
    browser.tells("start-the-device");
    let edge = Edge::start(&settings);

    browser.tells("cut-the-line");
    line.refuse();
    line.cut(Cut::Reset);
    browser.tells("mend-the-line");
    line.pass();

    browser.tells("hold-the-network");
    network.hold();
    browser.tells("release-the-network");
    network.pass();
    browser.tells("awake");

    browser.tells("hold-the-network");
    network.hold();
    println!("a network that is held up is said after {} ms", browser.tells("said-after-ms"));
    browser.tells("release-the-network");
    network.pass();

    browser.tells("kill-the-cloud");
    cloud.kill();
    browser.tells("start-the-cloud");
    cloud.start_again();
    browser.tells("recovered");
    browser.tells("keyboard");
    browser.tells_nothing("broken");
    assert_eq!(browser.tells("after-logout"), 401);
    assert!(browser.process.wait().success());
    drop(edge);
}

#[test]
fn fifty_devices_that_come_and_go_and_hostile_strings_leave_the_page_right_and_safe() {
    let cloud = Cloud::start();
    let names = [
        "<img src=x onerror=\"window.hacked=1\">",
        "\u{202e}gnp.exe \u{2067}\u{0627}\u{0644}\u{0628}\u{0637}",
        "<script>window.hacked=1</script>",
        "W".repeat(80).leak(),
    ];
    let devices: Vec<Device> = (0..50)
        .map(|i| {
            let id = format!("ems_1{i:02}");
            let name = names.get(i).map_or_else(|| format!("Battery {i}"), ToString::to_string);
            let answer = cloud.api().post("/api/devices", &json!({"device_id": id, "name": name}));
            assert_eq!(answer.status, 201, "{}", answer.body);
            Device { id, token: answer.body["token"].as_str().unwrap().to_owned() }
        })
        .collect();
    let mut browser = Browser::start(&cloud, &cloud.origin(), "hostile.mjs", &devices);
    assert_eq!(browser.tells("overflow"), 0, "the page is wider than the screen");
    browser.tells_nothing("serious");
    browser.tells_nothing("wrong");
    assert_eq!(browser.tells("hacked"), Value::Null);
    assert_eq!(browser.tells("foreign-elements"), 0);
    browser.tells_nothing("complaints");
    assert!(browser.process.wait().success());
}
