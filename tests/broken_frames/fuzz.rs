//! Random frames at each door: nothing panics, nothing leaks, and a bystander goes on.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ems_test_harness::{Cloud, Frame, Handshake, Received, Socket};
use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::{DOORS, bystander, open};

/// Frames at each door; `EMS_TEST_FUZZ` makes it more.
const FRAMES: usize = 3_000;
/// Pages of the database that the server keeps for writing, at most: it has read or written all that was stored.
const WRITING_CACHE_KIB: u64 = 16 * 1024;
/// And for reading: 2 MB for each of four connections.
const READING_CACHES_KIB: u64 = 4 * 2 * 1024;
/// Buffers, and what the allocator needs beside each page.
const MARGIN_KIB: u64 = 4 * 1024;
/// What the server has to say is read once in so many frames.
const LISTEN_EVERY: usize = 25;

const KINDS: [&str; 18] = [
    "auth",
    "command.ack",
    "device.event",
    "device.hello",
    "error",
    "get_active_devices",
    "get_device_location",
    "get_location_history",
    "ping",
    "send_command",
    "start_position_tracking",
    "stop_position_tracking",
    "subscribe",
    "telemetry",
    "telemetry.batch",
    "unsubscribe",
    "uwb.device_list",
    "uwb.location",
];
const KEYS: [&str; 14] = [
    "action",
    "battery",
    "boot_id",
    "device_id",
    "device_ids",
    "devices",
    "limit",
    "location",
    "room",
    "rooms",
    "samples",
    "seq",
    "timestamp",
    "x",
];
const TEXTS: [&str; 10] = [
    "ems_001",
    "devices",
    "device/ems_001",
    "uwb",
    "PING",
    "2026-02-03T12:00:00Z",
    "",
    "\u{202e}\0\u{1f600}",
    "../..",
    "9999999999999999999",
];

#[test]
fn random_frames_bring_no_door_down_and_cost_no_memory() {
    let frames = std::env::var("EMS_TEST_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(FRAMES);
    let cloud = Cloud::start();
    let device = cloud.add_device("bystander");
    let stop = AtomicBool::new(false);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let shown = thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander(&cloud, &device, &stop));
        let everywhere = |rng: &mut Rng, count: usize| {
            attack(&|| events(&cloud), count, rng);
            for door in DOORS {
                attack(&|| open(&cloud, door), count, rng);
            }
        };
        let mut rng = Rng::with_seed(seed);
        // Buffers grow to their size first; the database's caches go on to, with what the bystander stores.
        everywhere(&mut rng, (frames / 4).max(500));
        let (before, stored_before) = (cloud.resident_kib(), database_kib(&cloud));
        everywhere(&mut rng, frames);
        let (after, stored) = (cloud.resident_kib(), database_kib(&cloud).saturating_sub(stored_before));
        stop.store(true, Ordering::Relaxed);
        let figures = format!(
            "resident: {before} KiB, after {frames} frames at each door {after} KiB; {stored} KiB were stored"
        );
        let allowed = stored.min(WRITING_CACHE_KIB) + READING_CACHES_KIB + MARGIN_KIB;
        assert!(after < before + allowed, "{figures}, for which {allowed} KiB more are allowed");
        println!("{figures}");
        bystander.join().unwrap()
    });
    assert_eq!(cloud.api().samples("bystander").len() as u64, shown);
    assert!(!cloud.log().contains("panicked"), "{}", cloud.log());
}

fn database_kib(cloud: &Cloud) -> u64 {
    fs::metadata(cloud.data_dir().join("ems.db")).unwrap().len() / 1024
}

fn events(cloud: &Cloud) -> Socket {
    let door = Handshake::plain(cloud.plain(), "/ws").header("cookie", cloud.api().cookie());
    door.header("origin", &cloud.origin()).connect()
}

/// Sends random frames; whenever the server has closed, over a new socket.
fn attack(connect: &dyn Fn() -> Socket, count: usize, rng: &mut Rng) {
    let mut socket = connect();
    for n in 1..=count {
        let mut gone = socket.try_send(Frame::Text(frame(rng))).is_err();
        if n % LISTEN_EVERY == 0 {
            while let Some(received) = socket.receive_within(Duration::ZERO) {
                if let Received::Closed(_) = received {
                    gone = true;
                    break;
                }
            }
        }
        if gone {
            socket.vanish();
            socket = connect();
        }
    }
    socket.vanish();
}

fn frame(rng: &mut Rng) -> String {
    let value = if rng.u8(..5) == 0 {
        value(rng, 0)
    } else {
        json!({"type": KINDS[rng.usize(..KINDS.len())], "payload": value(rng, 0)})
    };
    let mut text: Vec<char> = value.to_string().chars().collect();
    if rng.u8(..3) == 0 {
        let (at, new) = (rng.usize(..text.len()), ['}', '"', '[', '\0', 'é', ' '][rng.usize(..6)]);
        text[at] = new;
    }
    text.into_iter().collect()
}

fn value(rng: &mut Rng, depth: u8) -> Value {
    match rng.u8(..8) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2 => [json!(0), json!(-1), json!(1e308), json!(u64::MAX), json!(0.5)][rng.usize(..5)].clone(),
        3 if depth < 4 => (0..rng.usize(..4)).map(|_| value(rng, depth + 1)).collect(),
        4..=6 if depth < 4 => {
            let fields = (0..rng.usize(..5))
                .map(|_| (KEYS[rng.usize(..KEYS.len())].to_owned(), value(rng, depth + 1)));
            fields.collect::<Map<String, Value>>().into()
        }
        _ => TEXTS[rng.usize(..TEXTS.len())].into(),
    }
}
