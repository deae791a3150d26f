//! What no door can use.

use ems_test_harness::Frame;
use serde_json::{Value, json};

/// Where it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    DevicePlain,
    DeviceTyped,
    DashboardPlain,
    DashboardTyped,
}

pub(crate) const DOORS: [Door; 4] =
    [Door::DevicePlain, Door::DeviceTyped, Door::DashboardPlain, Door::DashboardTyped];

/// What must come back.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// An `error` with this code whose message or details contain these words; the socket stays open.
    Error(&'static str, &'static str),
    /// The end, with this code.
    Close(u16),
}

/// A frame and what it deserves.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) frame: Frame,
    pub(crate) answer: Answer,
}

pub(crate) const INVALID_JSON: &str = "invalid_json";
pub(crate) const INVALID_MESSAGE: &str = "invalid_message";
pub(crate) const UNKNOWN_TYPE: &str = "unknown_type";
const TOO_LARGE: &str = "too_large";
/// RFC 6455 section 7.4.1.
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_PAYLOAD: u16 = 1007;
const MESSAGE_TOO_BIG: u16 = 1009;

/// Everything that is wrong at `door`; the frames that end the connection come last.
pub(crate) fn cases(door: Door) -> Vec<Case> {
    let wrap = |sample: String| match door {
        Door::DevicePlain | Door::DashboardPlain => sample,
        Door::DeviceTyped | Door::DashboardTyped => format!(r#"{{"type":"telemetry","payload":{sample}}}"#),
    };
    let telemetry = broken_rules().into_iter().chain(no_json_inside());
    let telemetry = telemetry.map(|(name, sample, code, words)| (name, wrap(sample), code, words));
    let texts = telemetry.chain(no_object()).chain(broken_messages());
    let texts = texts.map(|(name, text, code, words)| Case {
        name,
        frame: Frame::Text(text),
        answer: Answer::Error(code, words),
    });
    let binary = Case {
        name: "a binary frame",
        frame: Frame::Binary(b"{\"type\":\"telemetry\"}".to_vec()),
        answer: Answer::Error(INVALID_JSON, "text frame"),
    };
    let ends = too_large().into_iter().chain(broken_framing());
    let ends = ends.map(|(name, frame, code)| Case { name, frame, answer: Answer::Close(code) });
    texts.chain([binary]).chain(ends).collect()
}

/// The EMS guide's sample with one field replaced, or taken away by `null`.
pub(crate) fn sample_with(pointer: &str, value: Value) -> Value {
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

/// A name, a text, the code of its error and words that the error must have.
type BrokenText = (&'static str, String, &'static str, &'static str);
/// A name, a frame, the code of the close.
type FatalFrame = (&'static str, Frame, u16);

/// Telemetry that breaks a rule of the contract: the error names the field.
fn broken_rules() -> Vec<BrokenText> {
    let mut upside_down = sample_with("/battery/soc_low", json!(90));
    upside_down["battery"]["soc_high"] = json!(80);
    let replaced = [
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
        ("an interval upside down", "/battery", upside_down["battery"].take(), "soc_low"),
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
    let text = |(name, pointer, value, words)| {
        (name, sample_with(pointer, value).to_string(), INVALID_MESSAGE, words)
    };
    replaced.map(text).into()
}

/// Telemetry that no parser of JSON takes.
fn no_json_inside() -> Vec<BrokenText> {
    let good = sample_with("/seq", json!(1)).to_string();
    let nested = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    [
        ("NaN", good.replace("53.2", "NaN")),
        ("an infinite voltage", good.replace("53.2", "-Infinity")),
        ("1e999 V", good.replace("53.2", "1e999")),
        ("two samples in one frame", format!("{good}{good}")),
        ("an unknown field nested 20,000 deep", good.replacen('{', &format!(r#"{{"x":{nested},"#), 1)),
    ]
    .map(|(name, text)| (name, text, INVALID_JSON, "expected"))
    .into()
}

/// Text that is no JSON object.
fn no_object() -> Vec<BrokenText> {
    [
        ("nothing", String::new()),
        ("no JSON", "voltage=53.2".to_owned()),
        ("half of an object", r#"{"device_id":"ems_001","#.to_owned()),
        ("a list", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("a number", "42".to_owned()),
        ("a string", r#""telemetry""#.to_owned()),
        ("half of a surrogate pair", r#"{"type":"\ud800"}"#.to_owned()),
        ("100,000 open brackets", "[".repeat(100_000)),
        ("an object nested 40,000 deep", r#"{"a":"#.repeat(40_000)),
    ]
    .map(|(name, text)| (name, text, INVALID_JSON, "expected"))
    .into()
}

/// `{"type", "payload"}` that cannot be used.
fn broken_messages() -> Vec<BrokenText> {
    let many = json!({"samples": vec![sample_with("/seq", json!(1)); 501]});
    [
        ("an unknown type", json!("no.such"), json!({}), UNKNOWN_TYPE, "no.such"),
        ("a type of 10 kB", json!("x".repeat(10_000)), json!({}), UNKNOWN_TYPE, "xxx"),
        ("a message for the other side", json!("telemetry.ack"), json!({}), UNKNOWN_TYPE, "telemetry.ack"),
        ("a type that is a number", json!(7), json!({}), INVALID_MESSAGE, "type"),
        ("telemetry without anything", json!("telemetry"), json!({}), INVALID_MESSAGE, "device_id"),
        ("a payload that is a list", json!("telemetry"), json!([1]), INVALID_JSON, "object"),
        ("a batch without samples", json!("telemetry.batch"), json!({}), INVALID_MESSAGE, "samples"),
        (
            "a batch that is no list",
            json!("telemetry.batch"),
            json!({"samples": 7}),
            INVALID_MESSAGE,
            "samples",
        ),
        ("a batch of one number", json!("telemetry.batch"), json!({"samples": [7]}), INVALID_JSON, "object"),
        ("a batch of 501", json!("telemetry.batch"), many, TOO_LARGE, "500"),
        ("a hello without a boot", json!("device.hello"), json!({}), INVALID_MESSAGE, "boot_id"),
        (
            "a hello with a boot of 10 kB",
            json!("device.hello"),
            json!({"boot_id": "b".repeat(10_000), "firmware_version": "0"}),
            INVALID_MESSAGE,
            "boot_id",
        ),
        (
            "a hello with an empty boot",
            json!("device.hello"),
            json!({"boot_id": "", "firmware_version": "0"}),
            INVALID_MESSAGE,
            "boot_id",
        ),
        (
            "a hello with a version of 10 kB",
            json!("device.hello"),
            json!({"boot_id": "b", "firmware_version": "0".repeat(10_000)}),
            INVALID_MESSAGE,
            "firmware_version",
        ),
        ("an answer to no command", json!("command.ack"), json!({}), INVALID_MESSAGE, "command_id"),
        ("an event without words", json!("device.event"), json!({}), INVALID_MESSAGE, "timestamp"),
    ]
    .map(|(name, kind, payload, code, words)| {
        (name, json!({"type": kind, "payload": payload}).to_string(), code, words)
    })
    .into()
}

fn too_large() -> [FatalFrame; 5] {
    let blanks = |length| Frame::Text(" ".repeat(length));
    let promise = [&[0x81, 0xff, 0x7f][..], &[0xff; 7], &[0; 4]].concat();
    [
        ("257 KiB", blanks(257 * 1024), MESSAGE_TOO_BIG),
        ("10 MB", blanks(10_000_000), MESSAGE_TOO_BIG),
        ("10 MB of binary", Frame::Binary(vec![0; 10_000_000]), MESSAGE_TOO_BIG),
        ("10 MB in fragments", Frame::Raw(fragments(10_000_000)), MESSAGE_TOO_BIG),
        ("a frame that promises 8 EB", Frame::Raw(promise), MESSAGE_TOO_BIG),
    ]
}

/// Bytes against RFC 6455, sections 5 and 8.1.
fn broken_framing() -> [FatalFrame; 7] {
    let long_ping = [&[0x89, 0xfe, 0, 126][..], &[0; 130]].concat();
    [
        ("text that is not UTF-8", masked(0x81, b"{\"\xff\xfe\"}"), INVALID_PAYLOAD),
        ("a frame without a mask", vec![0x81, 2, b'{', b'}'], PROTOCOL_ERROR),
        ("a frame of no known kind", masked(0x83, b"{}"), PROTOCOL_ERROR),
        ("a bit of an extension that nobody agreed to", masked(0xc1, b"{}"), PROTOCOL_ERROR),
        ("the rest of a message without its beginning", masked(0x80, b"{}"), PROTOCOL_ERROR),
        ("a Ping in fragments", masked(0x09, b"x"), PROTOCOL_ERROR),
        ("a Ping of 126 bytes", long_ping, PROTOCOL_ERROR),
    ]
    .map(|(name, bytes, code)| (name, Frame::Raw(bytes), code))
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
