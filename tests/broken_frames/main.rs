//! Every door of the real cloud under frames that no door can use: each gets its clear error or the close code that
//! stands for it, other clients notice nothing, and the memory stays flat.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod frames;
mod fuzz;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ems_protocol::Timestamp;
use ems_test_harness::{Cloud, Device, Handshake, Received, Socket};
use frames::{Answer, Case, DOORS, Door, INVALID_JSON, INVALID_MESSAGE, UNKNOWN_TYPE, cases, sample_with};
use serde_json::{Value, json};

fn open(cloud: &Cloud, door: Door) -> Socket {
    let device = || Handshake::plain(cloud.plain(), "/ws/device/ems_001").bearer(&cloud.device().token);
    match door {
        Door::DevicePlain => device().connect(),
        Door::DeviceTyped => {
            let mut socket = device().typed().connect();
            socket.send_typed("device.hello", &json!({"boot_id": "b", "firmware_version": "0"}));
            socket.next_of("device.welcome");
            socket
        }
        Door::DashboardPlain => Handshake::dashboard(cloud, "ems_001").connect(),
        Door::DashboardTyped => Handshake::dashboard(cloud, "ems_001").typed().connect(),
    }
}

/// Sends every broken frame once and gives what came back wrong.
fn round(cloud: &Cloud, door: Door) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut socket = open(cloud, door);
    for Case { name, frame, answer } in cases(door) {
        // A server that has closed already may break the sending of ten million bytes.
        let sent = socket.try_send(frame);
        let outcome = match answer {
            Answer::Error(code, words) => match sent {
                Ok(()) => expect_error(&mut socket, door, code, words),
                Err(error) => Err(error.to_string()),
            },
            Answer::Close(code) => expect_close(&mut socket, code),
        };
        if let Err(problem) = &outcome {
            wrong.push(format!("{name} at {door:?}: {problem}"));
        }
        if outcome.is_err() || matches!(answer, Answer::Close(_)) {
            socket.vanish();
            socket = open(cloud, door);
        }
    }
    still_serves(&mut socket, door);
    wrong
}

fn expect_error(socket: &mut Socket, door: Door, code: &str, words: &str) -> Result<(), String> {
    let (text, answer) = loop {
        match socket.receive() {
            Received::Text(text) => {
                let answer: Value = serde_json::from_str(&text).unwrap();
                // Heartbeats and, at a dashboard, the device's doings come in between.
                match answer["type"].as_str() {
                    Some("error") => break (text, answer),
                    Some("device.welcome") => return Err(format!("a welcome: {text}")),
                    _ => {}
                }
            }
            Received::Closed(why) => return Err(format!("closed ({why:?}) instead of an error {code}")),
        }
    };
    let seen = answer["payload"]["code"].as_str().unwrap_or_default();
    let message = answer["payload"]["message"].as_str().unwrap_or_default();
    let fits = match door {
        Door::DevicePlain | Door::DeviceTyped => seen == code && text.contains(words),
        // A user has nothing to say at this door: what is wrong inside its message does not matter.
        Door::DashboardPlain | Door::DashboardTyped => {
            [INVALID_JSON, INVALID_MESSAGE, UNKNOWN_TYPE].contains(&seen)
        }
    };
    if fits && (10..600).contains(&message.len()) {
        return Ok(());
    }
    Err(format!("no {code} with the words {words:?}: {text}"))
}

fn expect_close(socket: &mut Socket, code: u16) -> Result<(), String> {
    loop {
        match socket.receive() {
            Received::Closed(Some((seen, reason))) if seen == code && !reason.is_empty() => return Ok(()),
            Received::Closed(why) => return Err(format!("no close {code} with a reason: {why:?}")),
            // What was too big is told before the end.
            Received::Text(_) => {}
        }
    }
}

/// The connection that has heard all that nonsense works.
fn still_serves(socket: &mut Socket, door: Door) {
    match door {
        Door::DeviceTyped => {
            socket.send_typed("telemetry", &sample_with("/seq", json!(7)));
            assert_eq!(socket.next_of("telemetry.ack")["ranges"], json!([[7, 7]]));
        }
        Door::DevicePlain => {
            socket.send(&sample_with("/seq", json!(8)).to_string());
            // Nothing acknowledges a bare sample, but an error for it would come before this one.
            socket.send("the end");
            assert_eq!(socket.json()["payload"]["code"], INVALID_JSON);
        }
        Door::DashboardPlain | Door::DashboardTyped => {
            socket.send(r#"{"type":"no.such"}"#);
            expect_error(socket, door, UNKNOWN_TYPE, "no.such").unwrap();
        }
    }
}

/// A device and its dashboard that go on while the others talk nonsense: each sample is acknowledged and shown.
fn bystander(cloud: &Cloud, device: &Device, stop: &AtomicBool) -> u64 {
    let path = format!("/ws/device/{}", device.id);
    let mut publisher = Handshake::plain(cloud.plain(), &path).bearer(&device.token).typed().connect();
    let mut dashboard = Handshake::dashboard(cloud, &device.id).connect();
    publisher.send_typed("device.hello", &json!({"boot_id": "b", "firmware_version": "0"}));
    publisher.next_of("device.welcome");
    let mut seq = 0_i64;
    while !stop.load(Ordering::Relaxed) {
        seq += 1;
        let mut sample = sample_with("/seq", json!(seq));
        sample["device_id"] = json!(device.id);
        // Each at its own time: the history is read in pages by time.
        sample["timestamp"] = json!(Timestamp::from_millis(1_770_000_000_000 + seq));
        publisher.send_typed("telemetry", &sample);
        assert_eq!(publisher.next_of("telemetry.ack")["ranges"], json!([[seq, seq]]));
        assert_eq!(dashboard.json()["seq"], seq);
    }
    seq.cast_unsigned()
}

#[test]
fn each_broken_frame_gets_its_clear_error_or_close_and_other_clients_notice_nothing() {
    let cloud = Cloud::start();
    let device = cloud.add_device("bystander");
    let stop = AtomicBool::new(false);
    for door in DOORS {
        assert!(cases(door).len() >= 30);
    }
    let shown = thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander(&cloud, &device, &stop));
        let (devices, dashboards) = DOORS.split_at(2);
        // One device has one connection: its two doors come one after the other.
        let rounds = [devices, dashboards].map(|doors| {
            let cloud = &cloud;
            scope.spawn(move || doors.iter().flat_map(|&door| round(cloud, door)).collect::<Vec<_>>())
        });
        let results = rounds.map(thread::ScopedJoinHandle::join);
        stop.store(true, Ordering::Relaxed);
        let shown = bystander.join().unwrap();
        let wrong: Vec<String> = results.into_iter().flat_map(Result::unwrap).collect();
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
        shown
    });
    assert!(shown > 0);
    let stored = cloud.api().samples("bystander");
    assert_eq!(stored.len() as u64, shown, "each sample of the bystander is stored");
    let wrong = cloud.api().samples("ems_001").into_iter().find(|sample| sample.voltage() != Some(53.2));
    assert!(wrong.is_none(), "a broken sample was stored: {wrong:?}");
}

#[test]
fn the_memory_stays_flat_however_much_nonsense_comes() {
    let cloud = Cloud::start();
    let rounds = |count: usize| {
        for _ in 0..count {
            for door in DOORS {
                round(&cloud, door);
            }
        }
    };
    // Buffers and caches grow to their size first.
    rounds(2);
    let before = cloud.resident_kib();
    rounds(5);
    let after = cloud.resident_kib();
    assert!(after < before + 8 * 1024, "resident memory grew from {before} to {after} KiB in 5 rounds");
}

#[test]
fn a_device_cannot_write_lines_of_its_own_or_long_ones_into_the_log() {
    let cloud = Cloud::start();
    for evil in ["x\nERROR forged".to_owned(), "\u{1b}[2Jforged".to_owned(), "forged".repeat(10_000)] {
        let device = Handshake::plain(cloud.plain(), "/ws/device/ems_001").bearer(&cloud.device().token);
        let mut socket = device.typed().connect();
        for key in ["boot_id", "firmware_version", "hardware_model", "sensor"] {
            let mut hello = json!({"boot_id": "b", "firmware_version": "0"});
            hello[key] = json!(evil);
            socket.send_typed("device.hello", &hello);
            // Whether it is welcome or not.
            socket.json();
        }
        socket.send_typed(&evil, &json!({}));
        socket.next_of("error");
        socket.close();
        cloud.api().post("/api/login", &json!({"username": evil, "password": "not the password"}));
        cloud.api().get(&format!("/api/devices/{}", "forged".repeat(1000)));
    }
    let log = cloud.log();
    assert!(!log.lines().any(|line| line.starts_with("ERROR forged")), "a forged line");
    assert!(!log.contains('\u{1b}'), "a control character");
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 1000, "a line of {longest} bytes");
}
