//! `ems-cloud` and devices that were written from the EMS guide: the Python library `websockets`, a bearer header,
//! bare telemetry with a constant time stamp; and everybody who may not come in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use ems_test_harness::{Cloud, Device, Finished, Handshake, PythonScript, Refusal, Socket, run, until};
use serde_json::{Value, json};

fn guide_client(cloud: &Cloud, device: &str, token: Option<&str>, count: u32) -> Command {
    let mut python = PythonScript("guide_client.py").command();
    python.env("DEVICE_ID", device).env("PYTHONUNBUFFERED", "1");
    if let Some(token) = token {
        python.env("API_TOKEN", token);
    }
    python.arg(format!("wss://{}", cloud.tls())).arg("--ca").arg(cloud.ca_file());
    python.args(["--count", &count.to_string()]);
    python
}

fn publish(cloud: &Cloud, device: &Device, count: u32) -> Vec<String> {
    let finished = run(guide_client(cloud, &device.id, Some(&device.token), count));
    let sent: Vec<_> = lines(&finished, "sent ");
    assert_eq!(sent.len(), count as usize, "{finished:?}");
    assert!(
        lines(&finished, "received ").is_empty(),
        "the guide's client takes it for a command: {finished:?}"
    );
    sent
}

fn lines(finished: &Finished, prefix: &str) -> Vec<String> {
    finished.stdout.lines().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
}

/// The guide's own sample.
fn guide_sample() -> Value {
    json!({"device_id": "ems_001", "timestamp": "2026-02-03T12:00:00Z", "battery": {"voltage": 53.2, "soc": 85}})
}

#[test]
fn the_guides_client_publishes_over_tls_and_a_dashboard_gets_the_very_frames() {
    let cloud = Cloud::start();
    let mut plain = Handshake::dashboard(&cloud, "ems_001").connect();
    let mut typed = Handshake::dashboard(&cloud, "ems_001").typed().connect();
    assert_eq!((plain.protocol(), typed.protocol()), (None, Some("ems.v1")));

    for text in publish(&cloud, cloud.device(), 5) {
        assert_eq!(plain.text(), text, "a bare dashboard socket carries the device's own bytes");
        let payload: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(typed.next_of("telemetry"), payload);
    }
    // Who comes later starts with the latest.
    let mut late = Handshake::dashboard(&cloud, "ems_001").connect();
    assert_eq!(late.json(), guide_sample());
}

#[test]
fn every_frame_of_a_client_with_a_constant_time_stamp_is_stored() {
    let cloud = Cloud::start();
    publish(&cloud, cloud.device(), 12);
    let stored = cloud.api().wait_for("ems_001", "12 samples", |samples| samples.len() >= 12);
    assert_eq!(stored.len(), 12);
    for sample in stored {
        assert_eq!(sample.voltage(), Some(53.2));
        assert_eq!(sample.0["battery"]["soc"].as_f64(), Some(85.0));
        assert_eq!(sample.millis(), 1_770_120_000_000, "the device's own time stamp is kept");
    }
}

#[test]
fn the_guides_sample_comes_through_whatever_else_is_in_it() {
    let cloud = Cloud::start();
    let mut dashboard = Handshake::dashboard(&cloud, "ems_001").connect();
    let mut device = Handshake::device(&cloud, cloud.device()).connect();
    // Blanks, an order of its own and fields that nobody knows.
    let text = r#" {"battery" : {"soc":85, "cells":[3.31,3.32], "voltage":53.20}, "site":{"roof":"süd"},
        "device_id":"ems_001", "timestamp":"2026-02-03T13:00:00.5+01:00"} "#;
    device.send(text);
    assert_eq!(dashboard.text(), text);
    let stored = cloud.api().wait_for("ems_001", "a sample", |samples| !samples.is_empty());
    assert_eq!(stored[0].0["battery"]["cells"], json!([3.31, 3.32]));
    assert_eq!(stored[0].0["site"], json!({"roof": "süd"}));
    assert_eq!(stored[0].millis(), 1_770_120_000_500);
}

#[test]
fn the_guides_client_goes_on_after_the_cloud_was_killed_and_started_again() {
    let mut cloud = Cloud::start();
    let mut command = guide_client(&cloud, "ems_001", Some(&cloud.device().token), 1000);
    command.args(["--interval", "0.05"]);
    let log = cloud.data_dir().with_file_name("guide-client.log");
    let mut client = ems_test_harness::Process::start("the guide's client", command, &log);
    cloud.api().wait_for("ems_001", "ten samples", |samples| samples.len() >= 10);
    cloud.kill();
    cloud.start_again();
    let before = cloud.api().samples("ems_001").len();
    assert!(before >= 10, "what was stored before the kill is there after it");
    cloud.api().wait_for("ems_001", "ten more", |samples| samples.len() >= before + 10);
    client.says("lost ");
}

#[test]
fn whoever_lacks_the_right_token_gets_the_same_403_before_the_upgrade() {
    let cloud = Cloud::start();
    let other = cloud.add_device("ems_002");
    let right = &cloud.device().token;
    let at = |path: &str| Handshake::tls(cloud.tls(), &cloud.ca_file(), path);
    let door = || at("/ws/device/ems_001");
    let long_id = format!("/ws/device/{}", "a".repeat(64));

    let no_token = refused(&door());
    assert_eq!(no_token.status, 403);
    let cases = [
        ("a wrong token", door().bearer("sk_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("the token of another device", door().bearer(&other.token)),
        ("the right token, cut", door().bearer(&right[..right.len() - 1])),
        ("the right token, with more", door().bearer(&format!("{right}x"))),
        ("the right token in other letters", door().bearer(&right.to_uppercase().replacen("SK_", "sk_", 1))),
        ("an empty token", door().header("authorization", "Bearer ")),
        ("another scheme", door().header("authorization", &format!("Basic {right}"))),
        ("no scheme", door().header("authorization", right)),
        ("two tokens", door().bearer(right).bearer(&other.token)),
        ("an unknown device", at("/ws/device/ems_003").bearer(right)),
        ("a bad id: capitals", at("/ws/device/EMS_001").bearer(right)),
        ("a bad id: a blank", at("/ws/device/ems%20001").bearer(right)),
        ("a bad id: too long", at(&long_id).bearer(right)),
        ("a bad id: a way out", at("/ws/device/..%2Fems_001").bearer(right)),
        ("a bad id: SQL", at("/ws/device/ems_001'%20OR%20'1'='1").bearer(right)),
        ("a token in the URL", at(&format!("/ws/device/ems_001?token={right}"))),
        ("a typed client without a token", door().typed()),
        ("a made-up user", door().bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.")),
        ("a made-up cookie", door().header("cookie", "ems_session=x").header("origin", &cloud.origin())),
    ];
    for (case, handshake) in cases {
        assert_eq!(refused(&handshake), no_token, "{case}");
    }
    // The door itself is open.
    drop(door().bearer(right).connect());
}

fn refused(handshake: &Handshake) -> Refusal {
    handshake.open().err().unwrap_or_else(|| panic!("let in: {handshake:?}"))
}

#[test]
fn the_guides_client_sees_the_403_as_its_user_would() {
    let cloud = Cloud::start();
    let other = cloud.add_device("ems_002");
    for (device, token) in [
        ("ems_001", None),
        ("ems_001", Some("sk_live_83928")),
        ("ems_001", Some(other.token.as_str())),
        ("ems_999", Some(other.token.as_str())),
        ("Ems_1", Some(other.token.as_str())),
    ] {
        let finished = run(guide_client(&cloud, device, token, 1));
        assert_eq!(lines(&finished, "refused "), ["403"], "{device} with {token:?}: {finished:?}");
    }
}

#[test]
fn a_user_may_not_publish_and_a_device_may_not_watch() {
    let cloud = Cloud::start();
    let mut dashboard = Handshake::dashboard(&cloud, "ems_001").connect();
    dashboard.send(&guide_sample().to_string());
    // The answer to the attempt, after which it must have had its effect.
    assert_eq!(dashboard.json()["type"], "error");
    assert_eq!(cloud.api().samples("ems_001").len(), 0);

    let token = &cloud.device().token;
    let door = Handshake::tls(cloud.tls(), &cloud.ca_file(), "/ws/dashboard/ems_001").bearer(token);
    assert_eq!(refused(&door).status, 403);
    for path in ["/api/devices", "/api/devices/ems_001/telemetry"] {
        let anonymous = Handshake::plain(cloud.plain(), path).bearer(token);
        assert_eq!(refused(&anonymous).status, 401, "{path}");
    }
}

#[test]
fn a_cookie_opens_a_dashboard_only_from_our_own_page() {
    let cloud = Cloud::start();
    let cookie = cloud.api().cookie().to_owned();
    let door = || Handshake::plain(cloud.plain(), "/ws/device/ems_001").header("cookie", &cookie);
    assert_eq!(refused(&door()).status, 403, "no origin");
    assert_eq!(refused(&door().header("origin", "https://evil.example")).status, 403);
    drop(door().header("origin", &cloud.origin()).connect());
}

#[test]
fn neither_the_files_nor_the_log_contain_a_token_or_the_password() {
    let mut cloud = Cloud::start();
    let token = cloud.device().token.clone();
    publish(&cloud, cloud.device(), 2);
    for handshake in [
        Handshake::tls(cloud.tls(), &cloud.ca_file(), "/ws/device/ems_002").bearer(&token),
        Handshake::tls(cloud.tls(), &cloud.ca_file(), &format!("/ws/device/ems_001?token={token}")),
        Handshake::tls(cloud.tls(), &cloud.ca_file(), &format!("/ws/device/{token}")),
    ] {
        refused(&handshake);
    }
    let mut device: Socket = Handshake::device(&cloud, cloud.device()).typed().connect();
    device.send(&token);
    device.send(&json!({"type": token}).to_string());
    device.next_of("error");
    let cookie = cloud.api().cookie().split_once('=').unwrap().1.to_owned();
    cloud.stop();

    // Long and random: a hash of it can only be guessed.
    let secret = token.splitn(3, '_').last().unwrap();
    assert!(secret.len() >= 22, "{} characters of secret are too few", secret.len());
    let raw = secret.as_bytes();
    let hex: String = raw.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let mut files = Vec::new();
    collect(&cloud.data_dir(), &mut files);
    assert!(files.iter().any(|(path, _)| path.ends_with("ems.db")), "{files:?}");
    files.push(("the log".to_owned(), cloud.log().into_bytes()));
    for (path, content) in files {
        for (what, needle) in [
            ("the token", raw),
            ("the token in hex", hex.as_bytes()),
            ("the password", cloud.password().as_bytes()),
            ("the session", cookie.as_bytes()),
        ] {
            let found = content.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{path} contains {what}");
        }
    }
}

fn collect(dir: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn two_devices_with_the_same_secret_do_not_exist_and_each_token_is_shown_once() {
    let cloud = Cloud::start();
    let tokens: Vec<_> = (2..6).map(|n| cloud.add_device(&format!("ems_00{n}")).token).collect();
    for (n, token) in tokens.iter().enumerate() {
        assert!(token.starts_with("sk_") && !tokens[..n].contains(token));
    }
    // A device that the running server was not told of is known all the same.
    let late = Device { id: "ems_005".to_owned(), token: tokens[3].clone() };
    until("the new device to be let in", || Handshake::device(&cloud, &late).open().ok());
    let list = cloud.api().get("/api/devices").body.to_string();
    assert!(list.contains("ems_005") && !list.contains("sk_"), "{list}");
}
