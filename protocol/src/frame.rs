//! Frames: `{"type", "payload"}` in typed mode, bare objects in plain mode.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

use crate::error::{ErrorCode, ErrorMessage};

/// The `Sec-WebSocket-Protocol` of typed mode.
pub const SUBPROTOCOL: &str = "ems.v1";

/// The `type`s of the device door and the dashboard door, and of what the server says at the event door.
pub mod kind {
    /// Device → cloud, first.
    pub const HELLO: &str = "device.hello";
    /// Cloud → device, the answer to `device.hello`.
    pub const WELCOME: &str = "device.welcome";
    /// One live sample.
    pub const TELEMETRY: &str = "telemetry";
    /// Samples from the backlog.
    pub const BATCH: &str = "telemetry.batch";
    /// Cloud → device: these samples are durable.
    pub const ACK: &str = "telemetry.ack";
    /// Cloud → dashboard: late samples are in the history now.
    pub const BACKFILL: &str = "telemetry.backfill";
    /// Cloud → device.
    pub const COMMAND: &str = "command";
    /// Device → cloud.
    pub const COMMAND_ACK: &str = "command.ack";
    /// Cloud → dashboard: where a command stands.
    pub const COMMAND_STATUS: &str = "command.status";
    /// Device → cloud, and on to dashboards.
    pub const EVENT: &str = "device.event";
    /// Cloud → dashboard: online or offline, since when, last seen.
    pub const STATUS: &str = "device.status";
    /// Server → all, every 30 s.
    pub const HEARTBEAT: &str = "system.heartbeat";
    /// Server → user at the event door: who is connected, first of all.
    pub const CONNECTION: &str = "system.connection";
    /// Device → cloud, and on to users: a UWB tag is here.
    pub const UWB_LOCATION: &str = "uwb.location";
    /// Device → cloud, and the answer to users who ask: all UWB tags.
    pub const UWB_DEVICES: &str = "uwb.device_list";
    /// Server → user: where a UWB tag was.
    pub const UWB_HISTORY: &str = "uwb.location_history";
    /// Both: a frame that could not be used.
    pub const ERROR: &str = "error";
}

/// The outer object of a typed message; the payload is still text.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// What the payload is.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The message's data, `{}` where it was left out.
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads the outer object of a frame.
    pub fn parse(text: &'a str) -> Result<Self, ErrorMessage> {
        require_object(text)?;
        serde_json::from_str(text).map_err(|error| {
            let code = if error.is_data() { ErrorCode::InvalidMessage } else { ErrorCode::InvalidJson };
            ErrorMessage::new(
                code,
                format!("expected {{\"type\": …, \"payload\": …}}: {}", without_position(&error)),
            )
        })
    }

    /// The payload's text as it came.
    pub fn payload_text(&self) -> &'a str {
        self.payload.map_or("{}", RawValue::get)
    }

    /// The payload as `T`.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, ErrorMessage> {
        parse(self.payload_text())
    }
}

/// Reads `T` from a JSON text; an error names the field.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ErrorMessage> {
    require_object(text)?;
    // The fast way first: only a frame that failed is read again to learn where.
    serde_json::from_str(text).map_err(|first| {
        if !first.is_data() {
            return ErrorMessage::new(
                ErrorCode::InvalidJson,
                format!("expected a JSON object: {}", without_position(&first)),
            );
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) => {
                let path = error.path().to_string();
                let reason = without_position(error.inner());
                if path == "." || path.is_empty() || path == "?" {
                    ErrorMessage::new(ErrorCode::InvalidMessage, reason)
                } else {
                    ErrorMessage::new(ErrorCode::InvalidMessage, format!("{path}: {reason}"))
                        .with("field", path)
                }
            }
            Ok(_) => ErrorMessage::new(ErrorCode::InvalidMessage, without_position(&first)),
        }
    })
}

/// The outer object of a typed message, as it is written.
#[derive(Serialize)]
struct Outgoing<'a, T> {
    r#type: &'a str,
    payload: &'a T,
}

/// A typed message as text.
pub fn encode<T: Serialize>(kind: &str, payload: &T) -> String {
    text_of(&Outgoing { r#type: kind, payload }, 128)
}

/// As [`encode`], with room for so many bytes from the start.
pub(crate) fn encode_sized<T: Serialize>(kind: &str, payload: &T, room: usize) -> String {
    text_of(&Outgoing { r#type: kind, payload }, room)
}

/// `value` as JSON, in a string that has room for so many bytes from the start.
pub(crate) fn text_of<T: Serialize>(value: &T, room: usize) -> String {
    let mut bytes = Vec::with_capacity(room);
    // Our own types have string keys and finite numbers (serde_json writes others as null): this cannot fail.
    match serde_json::to_writer(&mut bytes, value) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// Serde would read a struct from a JSON array too.
fn require_object(text: &str) -> Result<(), ErrorMessage> {
    if text.trim_ascii_start().starts_with('{') {
        return Ok(());
    }
    Err(ErrorMessage::new(ErrorCode::InvalidJson, "expected a JSON object, which begins with '{'"))
}

/// `serde_json`'s words without "at line 1 column 43" and the names of Rust's types, bounded: it may quote what it did not
/// like.
fn without_position(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let words = match words.rsplit_once(", expected ") {
        Some((what, "u8" | "u16" | "u32" | "u64" | "usize")) => {
            format!("{what}, expected a whole number, 0 or more")
        }
        Some((what, "i8" | "i16" | "i32" | "i64")) => format!("{what}, expected a whole number"),
        Some((what, "f32" | "f64")) => format!("{what}, expected a number"),
        Some((what, "a sequence")) => format!("{what}, expected a list"),
        Some((what, kind)) if kind.starts_with("struct ") || kind == "a map" => {
            format!("{what}, expected an object")
        }
        _ => words.to_owned(),
    };
    if words.chars().count() <= 200 { words } else { words.chars().take(200).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hello, Telemetry};

    #[test]
    fn a_typed_message_is_split_into_type_and_payload() {
        let envelope = Envelope::parse(r#"{"type":"telemetry","payload":{"a":1},"more":2}"#).unwrap();
        assert_eq!((envelope.kind.as_ref(), envelope.payload_text()), ("telemetry", r#"{"a":1}"#));
        assert_eq!(Envelope::parse(r#"{"type":"ping"}"#).unwrap().payload_text(), "{}");
    }

    #[test]
    fn a_sample_writes_itself_as_any_message_is_written_whatever_its_length() {
        for extra in [0, 3000] {
            let text = format!(
                r#"{{"device_id":"a","timestamp":"2026-02-03T12:00:00Z","battery":{{"voltage":53.2,"soc":1.5}},"more":"ä{}"}}"#,
                "x".repeat(extra)
            );
            let sample = parse::<Telemetry>(&text).unwrap();
            assert_eq!(sample.frame(), encode(kind::TELEMETRY, &sample));
            assert_eq!(sample.text(), serde_json::to_string(&sample).unwrap());
            let frame = sample.frame();
            assert_eq!(Envelope::parse(&frame).unwrap().payload::<Telemetry>().unwrap(), sample);
        }
    }

    #[test]
    fn what_is_wrong_with_a_frame_is_said_with_the_field() {
        let wrong_type =
            r#"{"device_id":"a","timestamp":"2026-02-03T12:00:00Z","battery":{"voltage":true,"soc":1}}"#;
        let error = parse::<Telemetry>(wrong_type).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidMessage);
        assert!(error.message.contains("voltage") && error.message.contains("boolean"), "{}", error.message);
        for (field, wrong, words) in [
            ("seq", "-1", "seq: invalid value: integer `-1`, expected a whole number, 0 or more"),
            ("battery", "5", "battery: invalid type: integer `5`, expected an object"),
        ] {
            let text = format!(
                r#"{{"device_id":"a","timestamp":"2026-02-03T12:00:00Z","boot_id":"b","battery":{{"voltage":5,"soc":1}},"{field}":{wrong}}}"#
            );
            let text = if field == "battery" {
                text.replace(r#""battery":{"voltage":5,"soc":1},"#, "")
            } else {
                text
            };
            assert_eq!(parse::<Telemetry>(&text).unwrap_err().message, words);
        }
        let missing = parse::<Hello>("{}").unwrap_err();
        assert!(missing.message.contains("boot_id"), "{}", missing.message);
    }

    #[test]
    fn broken_json_is_told_from_a_broken_message() {
        let deep = "[".repeat(100_000);
        let deep_inside = format!(r#"{{"a":{deep}"#);
        for text in ["", "nonsense", "{", "[]", "null", r#"{"a":NaN}"#, &deep, &deep_inside] {
            assert_eq!(parse::<Telemetry>(text).unwrap_err().code, ErrorCode::InvalidJson, "{text:.20}");
            assert_eq!(Envelope::parse(text).unwrap_err().code, ErrorCode::InvalidJson, "{text:.20}");
        }
        assert_eq!(Envelope::parse("{}").unwrap_err().code, ErrorCode::InvalidMessage);
    }

    #[test]
    fn a_long_quotation_is_cut() {
        let text = format!(r#"{{"type":{}}}"#, format_args!("[\"{}\"]", "x".repeat(100_000)));
        assert!(Envelope::parse(&text).unwrap_err().message.len() < 400);
    }
}
