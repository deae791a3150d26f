//! Every door of the real cloud under frames that no door can use: each gets its clear error or the close code that
//! stands for it, other clients notice nothing, and the memory stays flat.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ems_test_harness::{Cloud, Device, Frame, Handshake, Received, Socket};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    DevicePlain,
    DeviceTyped,
    DashboardPlain,
    DashboardTyped,
}

const DOORS: [Door; 4] = [Door::DevicePlain, Door::DeviceTyped, Door::DashboardPlain, Door::DashboardTyped];

/// What must come back.
#[derive(Clone, Copy)]
enum Answer {
    /// An `error` with this code whose message or details contain these words; the socket stays open.
    Error(&'static str, &'static str),
    /// The end, with this code.
    Close(u16),
}

struct Case {
    name: &'static str,
    frame: Frame,
    answer: Answer,
}

const INVALID_JSON: &str = "invalid_json";
const INVALID_MESSAGE: &str = "invalid_message";
const UNKNOWN_TYPE: &str = "unknown_type";
const TOO_LARGE: &str = "too_large";
/// RFC 6455 section 7.4.1.
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_PAYLOAD: u16 = 1007;
const MESSAGE_TOO_BIG: u16 = 1009;

/// The EMS guide's sample with one field replaced, or taken away by `null`.
fn sample_with(pointer: &str, value: Value) -> Value {
    let mut sample = json!({
        "device_id": "ems_001",
        "timestamp": "2026-02-03T12:00:00Z",
        "boot_id": "b",
        "seq": 1,
        "battery": {"voltage": 53.2, "soc": 85},
        "system_status": {},
    });
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = sample.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
    sample
}

/// Telemetry that breaks a rule, and the field that the error must name.
fn broken_telemetry() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let cases = [
        ("a charge of 140 %", "/battery/soc", json!(140), "battery.soc"),
        ("a charge of -1 %", "/battery/soc", json!(-1), "battery.soc"),
        ("a charge as text", "/battery/soc", json!("85"), "soc"),
        ("a charge that is a bool", "/battery/soc", json!(true), "soc"),
        ("no charge", "/battery/soc", Value::Null, "battery.soc"),
        ("a negative voltage", "/battery/voltage", json!(-5), "battery.voltage"),
        ("a voltage as a list", "/battery/voltage", json!([53.2]), "voltage"),
        ("no voltage", "/battery/voltage", Value::Null, "battery.voltage"),
        ("no battery", "/battery", Value::Null, "battery.voltage"),
        ("a battery that is a list", "/battery", json!([53.2, 85]), "battery"),
        ("a battery that is text", "/battery", json!("full"), "battery"),
        ("an interval upside down", "/battery/soc_low", json!(90), "soc_low"),
        ("another device's id", "/device_id", json!("ems_002"), "device_id"),
        ("no device id", "/device_id", Value::Null, "device_id"),
        ("a bad device id", "/device_id", json!("EMS 001"), "device_id"),
        ("no time", "/timestamp", Value::Null, "timestamp"),
        ("a time as a number", "/timestamp", json!(1_770_120_000), "timestamp"),
        ("a time without a zone", "/timestamp", json!("2026-02-03T12:00:00"), "timestamp"),
        ("a time in words", "/timestamp", json!("yesterday"), "timestamp"),
        ("a number without its boot", "/boot_id", Value::Null, "boot_id"),
        ("an empty boot", "/boot_id", json!(""), "boot_id"),
        ("a boot of 10 kB", "/boot_id", json!("b".repeat(10_000)), "boot_id"),
        ("a negative number", "/seq", json!(-1), "seq"),
        ("a number with a fraction", "/seq", json!(1.5), "seq"),
        ("another version", "/v", json!(2), "v is 2"),
        ("an unknown state", "/system_status/state", json!("SLEEPING"), "state"),
        ("flags that are no list", "/system_status/error_flags", json!("SENSOR_LOST"), "error_flags"),
        ("65 flags", "/system_status/error_flags", json!(vec!["F"; 65]), "error_flags"),
        ("a flag of 2 kB", "/system_status/error_flags", json!(["F".repeat(2000)]), "error_flags"),
    ];
    let mut all: Vec<_> = cases
        .into_iter()
        .map(|(name, pointer, value, words)| {
            let mut sample = sample_with(pointer, value);
            if pointer == "/battery/soc_low" {
                sample["battery"]["soc_high"] = json!(80);
            }
            (name, sample.to_string(), INVALID_MESSAGE, words)
        })
        .collect();
    let good = sample_with("/seq", json!(1)).to_string();
    for (name, number) in [("NaN", "NaN"), ("an infinite voltage", "-Infinity"), ("1e999 V", "1e999")] {
        all.push((name, good.replace("53.2", number), INVALID_JSON, "expected"));
    }
    all.push(("two samples in one frame", format!("{good}{good}"), INVALID_JSON, "expected"));
    let nested = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let with_nested = good.replacen('{', &format!(r#"{{"x":{nested},"#), 1);
    all.push(("an unknown field nested 20,000 deep", with_nested, INVALID_JSON, "expected"));
    all
}

fn cases(door: Door) -> Vec<Case> {
    let text = |name, text: &str, code, words| Case {
        name,
        frame: Frame::Text(text.to_owned()),
        answer: Answer::Error(code, words),
    };
    let mut cases: Vec<Case> = broken_telemetry()
        .into_iter()
        .map(|(name, sample, code, words)| {
            let wrapped = format!(r#"{{"type":"telemetry","payload":{sample}}}"#);
            text(
                name,
                if door == Door::DevicePlain || door == Door::DashboardPlain { &sample } else { &wrapped },
                code,
                words,
            )
        })
        .collect();
    let many =
        json!({"type": "telemetry.batch", "payload": {"samples": vec![sample_with("/seq", json!(1)); 501]}});
    cases.extend([
        text("nothing", "", INVALID_JSON, "expected"),
        text("no JSON", "voltage=53.2", INVALID_JSON, "expected"),
        text("half of an object", r#"{"device_id":"ems_001","#, INVALID_JSON, "expected"),
        text("a list", "[]", INVALID_JSON, "object"),
        text("null", "null", INVALID_JSON, "object"),
        text("a number", "42", INVALID_JSON, "object"),
        text("a string", r#""telemetry""#, INVALID_JSON, "object"),
        text("half of a surrogate pair", r#"{"type":"\ud800"}"#, INVALID_JSON, "expected"),
        text("100,000 open brackets", &"[".repeat(100_000), INVALID_JSON, "expected"),
        text("an object nested 40,000 deep", &r#"{"a":"#.repeat(40_000), INVALID_JSON, "expected"),
        text("an unknown type", r#"{"type":"no.such","payload":{}}"#, UNKNOWN_TYPE, "no.such"),
        text("a type of 10 kB", &json!({"type": "x".repeat(10_000)}).to_string(), UNKNOWN_TYPE, "xxx"),
        text(
            "a message for the other side",
            r#"{"type":"telemetry.ack","payload":{}}"#,
            UNKNOWN_TYPE,
            "telemetry.ack",
        ),
        text("a type that is a number", r#"{"type":7}"#, INVALID_MESSAGE, "type"),
        text("telemetry without a payload", r#"{"type":"telemetry"}"#, INVALID_MESSAGE, "device_id"),
        text(
            "a batch without samples",
            r#"{"type":"telemetry.batch","payload":{}}"#,
            INVALID_MESSAGE,
            "samples",
        ),
        text(
            "a batch that is no list",
            r#"{"type":"telemetry.batch","payload":{"samples":7}}"#,
            INVALID_MESSAGE,
            "samples",
        ),
        text(
            "a batch of one number",
            r#"{"type":"telemetry.batch","payload":{"samples":[7]}}"#,
            INVALID_JSON,
            "object",
        ),
        text("a batch of 501", &many.to_string(), TOO_LARGE, "500"),
        text("a hello without a boot", r#"{"type":"device.hello","payload":{}}"#, INVALID_MESSAGE, "boot_id"),
        text(
            "an answer to no command",
            r#"{"type":"command.ack","payload":{}}"#,
            INVALID_MESSAGE,
            "command_id",
        ),
        text(
            "an event without words",
            r#"{"type":"device.event","payload":{}}"#,
            INVALID_MESSAGE,
            "timestamp",
        ),
        Case {
            name: "a binary frame",
            frame: Frame::Binary(b"{\"type\":\"telemetry\"}".to_vec()),
            answer: Answer::Error(INVALID_JSON, "text frame"),
        },
    ]);
    let ends = |name, frame, code| Case { name, frame, answer: Answer::Close(code) };
    let spaces = |length: usize| Frame::Text(" ".repeat(length));
    cases.extend([
        ends("257 KiB", spaces(257 * 1024), MESSAGE_TOO_BIG),
        ends("10 MB", spaces(10_000_000), MESSAGE_TOO_BIG),
        ends("10 MB of binary", Frame::Binary(vec![0; 10_000_000]), MESSAGE_TOO_BIG),
        ends("10 MB in fragments", Frame::Raw(fragments(10_000_000)), MESSAGE_TOO_BIG),
        ends(
            "a frame that promises 8 EB",
            Frame::Raw([&[0x81, 0xff, 0x7f][..], &[0xff; 7], &[0; 4]].concat()),
            MESSAGE_TOO_BIG,
        ),
        ends("text that is not UTF-8", Frame::Raw(masked(0x81, b"{\"\xff\xfe\"}")), INVALID_PAYLOAD),
        ends("a frame without a mask", Frame::Raw(vec![0x81, 2, b'{', b'}']), PROTOCOL_ERROR),
        ends("a frame of no known kind", Frame::Raw(masked(0x83, b"{}")), PROTOCOL_ERROR),
        ends("a bit of an extension that nobody agreed to", Frame::Raw(masked(0xc1, b"{}")), PROTOCOL_ERROR),
        ends("the rest of a message without its beginning", Frame::Raw(masked(0x80, b"{}")), PROTOCOL_ERROR),
        ends("a Ping in fragments", Frame::Raw(masked(0x09, b"x")), PROTOCOL_ERROR),
        ends(
            "a Ping of 126 bytes",
            Frame::Raw([&[0x89, 0xfe, 0, 126][..], &[0; 130]].concat()),
            PROTOCOL_ERROR,
        ),
    ]);
    cases
}

/// A short frame of a client with this first byte (RFC 6455 section 5.2); the mask is 0, which is as good as any.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).ok().filter(|&length| length < 126).expect("a short frame");
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// A text message of `total` blanks in frames of 32 KiB, without its end.
fn fragments(total: usize) -> Vec<u8> {
    const LENGTH: u16 = 32 * 1024;
    let [high, low] = LENGTH.to_be_bytes();
    let mut bytes = Vec::new();
    for n in 0..total / usize::from(LENGTH) {
        bytes.extend([u8::from(n == 0), 0xfe, high, low, 0, 0, 0, 0]);
        bytes.extend(std::iter::repeat_n(b' ', LENGTH.into()));
    }
    bytes
}

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
                if answer["type"] == "error" {
                    break (text, answer);
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
    let mut seq = 0;
    while !stop.load(Ordering::Relaxed) {
        seq += 1;
        let mut sample = sample_with("/seq", json!(seq));
        sample["device_id"] = json!(device.id);
        publisher.send_typed("telemetry", &sample);
        assert_eq!(publisher.next_of("telemetry.ack")["ranges"], json!([[seq, seq]]));
        assert_eq!(dashboard.json()["seq"], seq);
    }
    seq
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
