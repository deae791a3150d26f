//! Clients as the two guides describe them, in a real browser with a session.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use ems_test_harness::{ADMIN, Cloud, Handshake, Process, Socket, chromium, repository, until};
use serde_json::{Value, json};

const TAG: &str = "4f2a";
const STAMP: &str = "2026-02-03T12:00:00Z";

#[test]
fn the_guides_own_clients_get_what_their_guides_promise() {
    let cloud = Cloud::start();
    let mut device = connect(&cloud);
    let location = json!({"x": 1.5, "y": -2.25, "z": 0.75});
    device.send_typed("uwb.location", &json!({"device_id": TAG, "location": location, "timestamp": STAMP}));
    until("the tag is known", || {
        let list = cloud.api().get("/api/uwb/devices").body;
        (list["devices"][0]["id"] == TAG).then_some(())
    });
    let mut browser = start(&cloud);

    let nobody = tells(&mut browser, "without-session");
    assert_eq!((&nobody["devices"], &nobody["seen"]), (&Value::Null, &json!([])), "nothing is answered");
    assert_eq!(nobody["closed"], 4011);

    let typed = tells(&mut browser, "typed");
    let devices = typed["devices"].as_array().expect("a list of devices");
    assert_eq!(devices.len(), 1);
    assert_eq!((&devices[0]["id"], &devices[0]["location"]), (&json!(TAG), &location));
    assert!(devices[0]["last_seen"].as_str().unwrap().ends_with('Z'), "{devices:?}");
    for message in typed["seen"].as_array().unwrap() {
        assert!(message["type"].is_string() && message["payload"].is_object(), "{message}");
    }

    // A sample a moment, and events in between, which the hook would take for telemetry.
    let mut seq = 0;
    until("the hook has seen frames", || {
        seq += 1;
        device.send_typed("telemetry", &sample(seq));
        device.send_typed(
            "device.event",
            &json!({"timestamp": STAMP, "severity": "info", "code": "A", "message": "b"}),
        );
        browser.log().contains("\nbare ").then_some(())
    });
    let bare = tells(&mut browser, "bare");
    let bare = bare.as_array().unwrap();
    assert!(bare.len() >= 3);
    for frame in bare {
        let frame: Value = serde_json::from_str(frame.as_str().unwrap()).unwrap();
        assert_eq!((&frame["device_id"], frame.get("type")), (&json!("ems_001"), None), "{frame}");
        assert!(frame["battery"]["voltage"].is_number() && frame["battery"]["soc"].is_number(), "{frame}");
    }
    assert_eq!(tells(&mut browser, "unmounted"), 0);
    assert!(browser.wait().success());
}

fn connect(cloud: &Cloud) -> Socket {
    let mut socket = Handshake::device(cloud, cloud.device()).typed().connect();
    socket.send_typed("device.hello", &json!({"boot_id": "boot", "firmware_version": "0"}));
    socket.next_of("device.welcome");
    socket
}

fn start(cloud: &Cloud) -> Process {
    let script = repository().join("tests/browser/guides.mjs");
    let installed = script.with_file_name("node_modules/playwright-core/package.json");
    assert!(installed.is_file(), "{} is missing: run `scripts/test-browser`", installed.display());
    let mut node = Command::new("node");
    node.arg(script)
        .env("PAGE_URL", cloud.origin())
        .env("PAGE_USER", ADMIN)
        .env("PAGE_PASSWORD", cloud.password())
        .env("CHROMIUM", chromium())
        .env("DEVICE_ID", &cloud.device().id);
    Process::start("the browser's script", node, &cloud.data_dir().with_file_name("browser.log"))
}

#[track_caller]
fn tells(browser: &mut Process, word: &str) -> Value {
    serde_json::from_str(&browser.line_after(&format!("{word} "))).unwrap()
}

fn sample(seq: u64) -> Value {
    json!({"device_id": "ems_001", "timestamp": STAMP, "boot_id": "boot", "seq": seq,
        "battery": {"voltage": 53.2, "soc": 85}})
}
