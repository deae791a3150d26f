//! The pages of operators and admins in a real browser: real cloud, real daemons, and a device that means harm.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ems_test_harness::{Browser, Cloud, Device, Edge, Settings, until};
use serde_json::{Value, json};

#[test]
fn an_operator_sends_commands_and_sees_alarms_tags_and_the_past_and_an_admin_brings_a_device_to_life() {
    let cloud = Cloud::start();
    let _edge = Edge::start(&Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()));
    let odd = cloud.add_device("odd_001");
    let mut browser = Browser::start("pages.mjs", &cloud, &[("ODD_TOKEN", &odd.token)]);

    // A daemon that is started with what the page shows connects.
    let lines = browser.tells("provisioned");
    let settings = settings_of(lines.as_str().unwrap());
    assert_eq!(settings.get("DEVICE_ID"), "new_001");
    let _new = Edge::start(&settings);
    assert_eq!(browser.tells("online"), "new_001");
    until("samples of the new device", || (cloud.api().samples("new_001").len() > 2).then_some(()));

    let command = browser.tells("command");
    assert_eq!(command["status"], "SUCCEEDED", "{command}");
    assert!(command["result"].as_str().unwrap().contains("firmware_version"), "{command}");
    assert_eq!(
        browser.tells("asked-first"),
        true,
        "a command that takes effect is not sent before it is confirmed"
    );

    assert_eq!(browser.tells("hostile"), json!({ "elements": 0, "shown": true }));
    let alarm = browser.tells("alarm");
    assert_eq!(alarm, json!({ "title": true, "by": "admin", "over": true }));
    let tags = browser.tells("tags");
    assert_eq!(tags["tags"], 3, "{tags}");
    assert!(tags["zoomed"].as_f64().unwrap() > 1.3, "an accuracy circle is in metres: {tags}");

    let past = browser.tells("past");
    assert_eq!(past["restored"], true, "{past}");
    assert!(past["painted"].as_array().unwrap().iter().all(|pixels| pixels.as_u64() > Some(100)), "{past}");
    assert!(past["gap"].as_u64().unwrap() > 0, "six hours without data are drawn over: {past}");
    assert!(past["csv"].as_u64().unwrap() > 2_000, "{past}");
    assert_eq!(past["compared"], true, "{past}");

    let frames = browser.tells("frames");
    assert_eq!(frames, json!({ "held": true, "filtered": true }));
    assert_eq!(browser.tells("told"), json!({ "signed": true }));
    assert_eq!(
        browser.tells("viewer"),
        json!({ "buttons": 0, "admin": 0, "command": 403, "acknowledge": 403, "users": 403 })
    );
    assert_eq!(browser.tells("by-keyboard"), "SUCCEEDED");
    assert_eq!(browser.tells("findings"), json!([]), "axe finds something serious");
    assert_eq!(browser.tells("too-wide"), json!([]), "pages are wider than the screen");
    assert_eq!(browser.tells("complaints"), json!([]), "the browser complains");
    assert!(browser.wait().success());
    is_noted(&cloud.api().get("/api/audit?action=refused").body);
}

#[test]
fn every_page_is_operated_with_the_keyboard_alone_and_dialogs_keep_the_focus_and_give_it_back() {
    let cloud = Cloud::start();
    let _edge = Edge::start(&Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()));
    let odd = cloud.add_device("odd_001");
    let mut browser = Browser::start("keyboard.mjs", &cloud, &[("ODD_TOKEN", &odd.token)]);
    let stops = browser.tells("stops");
    assert!(stops.as_u64() > Some(500), "the Tab key has stopped {stops} times on all pages");
    let wrong = browser.tells("wrong");
    assert_eq!(wrong, json!([]), "{wrong:#}");
    assert_eq!(browser.tells("complaints"), json!([]), "the browser complains");
    assert!(browser.wait().success());
}

/// As an env file is read, with a sensor that needs no hardware.
fn settings_of(lines: &str) -> Settings {
    let values: Vec<(&str, &str)> = lines.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |key| values.iter().find(|(name, _)| *name == key).unwrap().1.trim_matches('\'').to_owned();
    let device = Device { id: value("DEVICE_ID"), token: value("API_TOKEN") };
    Settings::of(&device).with("SERVER_URL", &value("SERVER_URL"))
}

/// What the viewer was refused is in the audit.
fn is_noted(audit: &Value) {
    let refused = audit["audit"].as_array().unwrap();
    assert!(refused.iter().any(|entry| entry["who"] == "vera"), "{audit}");
}
