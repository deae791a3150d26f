//! A telemetry frame on its way to many subscribers.

use std::fmt::Write;
use std::sync::OnceLock;

use ems_protocol::kind;

use crate::socket::Utf8Bytes;

/// The very text that the device sent, shared by all who get it.
#[derive(Debug)]
pub struct Frame {
    text: Utf8Bytes,
    // Made when the first typed subscriber wants it, once for all of them.
    typed: OnceLock<Utf8Bytes>,
}

impl Frame {
    /// A bare telemetry object.
    pub fn new(text: Utf8Bytes) -> Self {
        Self { text, typed: OnceLock::new() }
    }

    /// As plain subscribers get it.
    pub fn bare(&self) -> &Utf8Bytes {
        &self.text
    }

    /// As typed subscribers get it.
    pub fn typed(&self) -> &Utf8Bytes {
        self.typed.get_or_init(|| envelope(&self.text, 0).into())
    }

    /// As a typed subscriber gets it who missed `skipped` before it.
    pub fn typed_after(&self, skipped: u64) -> Utf8Bytes {
        envelope(&self.text, skipped).into()
    }
}

fn envelope(payload: &str, skipped: u64) -> String {
    let mut text = String::with_capacity(payload.len() + 64);
    // Writing to a String cannot fail.
    let _ = write!(text, "{{\"type\":\"{}\",\"payload\":{payload}", kind::TELEMETRY);
    if skipped > 0 {
        let _ = write!(text, ",\"skipped\":{skipped}");
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_keeps_its_bytes_and_skipped_samples_are_counted_beside_it() {
        let frame = Frame::new(Utf8Bytes::from_static(r#"{"b": 1.50}"#));
        assert_eq!(frame.typed().as_str(), r#"{"type":"telemetry","payload":{"b": 1.50}}"#);
        assert_eq!(
            frame.typed_after(7).as_str(),
            r#"{"type":"telemetry","payload":{"b": 1.50},"skipped":7}"#
        );
    }
}
