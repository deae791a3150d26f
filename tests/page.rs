//! The live page in a real browser: real cloud, real daemon, simulated pack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says its figures"
)]

use ems_test_harness::{Browser, Cloud, Cut, Device, Edge, Proxy, Settings};
use serde_json::{Value, json};

/// Runs `script` of `tests/browser` against the page at `origin`.
fn drive(cloud: &Cloud, origin: &str, script: &str, devices: &[Device]) -> Browser {
    let devices: Vec<Value> =
        devices.iter().map(|device| json!({"id": device.id, "token": device.token})).collect();
    // A proxy may stand before the cloud.
    let variables = [("PAGE_URL", origin), ("DEVICES", &Value::from(devices).to_string())];
    Browser::start(script, cloud, &variables)
}

/// Waits until the script tells `word` with a list in which there should be nothing.
#[track_caller]
fn tells_nothing(browser: &mut Browser, word: &str) {
    let found = browser.tells(word);
    assert_eq!(found, json!([]), "{word}");
}

#[test]
fn the_live_page_shows_a_voltage_that_changes_each_second_and_recovers_from_losses_by_itself() {
    let mut cloud = Cloud::start();
    let line = Proxy::start(cloud.tls());
    let settings = Settings::of(cloud.device()).to(line.address(), &cloud.ca_file());
    let mut edge = Edge::start(&settings);
    // The page's own way to the server, which can be cut without the device's.
    let network = Proxy::start(cloud.plain());
    let mut browser = drive(&cloud, &format!("http://{}", network.address()), "live.mjs", &[]);

    tells_nothing(&mut browser, "serious-login");
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
    tells_nothing(&mut browser, "serious");
    let hidden = browser.tells("hidden");
    assert_eq!(hidden, json!({"strokes": 0, "since": "string"}), "a hidden page rests and catches up");
    tells_nothing(&mut browser, "complaints");

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
    tells_nothing(&mut browser, "broken");
    assert_eq!(browser.tells("after-logout"), 401);
    assert!(browser.wait().success());
    drop(edge);
}

#[test]
fn a_year_of_history_is_drawn_and_a_month_a_day_and_an_hour_of_it_marked_with_the_mouse() {
    let mut cloud = Cloud::start();
    cloud.live_through_a_year();
    let mut browser = drive(&cloud, &cloud.origin(), "history_year.mjs", &[]);
    for (view, source) in [("year", "hour"), ("month", "minute"), ("day", "raw"), ("hour", "raw")] {
        let drawn = browser.tells(view);
        println!("{view}: {drawn}");
        assert_eq!(drawn["source"], source, "{view}: {drawn}");
        assert!(drawn["points"].as_u64() > Some(500), "{view}: {drawn}");
        let covered = drawn["covered"].as_array().unwrap();
        assert!(
            covered.len() == 3 && covered.iter().all(|part| part.as_f64() > Some(0.9)),
            "{view}: the curves do not cover the width: {drawn}"
        );
    }
    assert_eq!(browser.tells("overflow"), 0, "the page is wider than the screen");
    tells_nothing(&mut browser, "complaints");
    assert!(browser.wait().success());
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
    let mut browser = drive(&cloud, &cloud.origin(), "hostile.mjs", &devices);
    assert_eq!(browser.tells("overflow"), 0, "the fleet is wider than a phone");
    assert_eq!(browser.tells("overflow"), 0, "the page is wider than the screen");
    tells_nothing(&mut browser, "serious");
    tells_nothing(&mut browser, "wrong");
    assert_eq!(browser.tells("hacked"), Value::Null);
    assert_eq!(browser.tells("foreign-elements"), 0);
    tells_nothing(&mut browser, "complaints");
    assert!(browser.wait().success());
}
