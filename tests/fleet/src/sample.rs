//! Samples as the daemon writes them, about 300 bytes each.

use std::fmt::Write;

use crate::clock;

/// Writes the samples of one device.
pub(crate) struct Samples {
    id: String,
    /// Of this run: no sample of it was ever stored before.
    pub(crate) boot_id: String,
    padding: String,
    text: String,
}

impl Samples {
    pub(crate) fn new(id: &str, padding: usize) -> Self {
        let boot_id = format!("{:08x}-0000-4000-8000-{:012x}", fastrand::u32(..), fastrand::u64(..1 << 48));
        Self { id: id.to_owned(), boot_id, padding: "x".repeat(padding), text: String::new() }
    }

    /// The sample of that number, as the payload of `telemetry` or bare.
    pub(crate) fn text(&mut self, seq: u64, typed: bool) -> &str {
        let Self { id, boot_id, padding, text } = self;
        text.clear();
        if typed {
            text.push_str(r#"{"type":"telemetry","payload":"#);
        }
        let tenths = (seq % 100) as f64 / 10.0;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"{{"v":1,"device_id":"{id}","timestamp":"{}","boot_id":"{boot_id}","seq":{seq},"clock":"synced","system_status":{{"state":"DISCHARGING","mode":"AUTO"}},"battery":{{"voltage":53.21,"soc":{:.1},"current":-1.52,"power":-80.9,"soc_low":83.1,"soc_high":97.6,"synced":true,"temperature":21.5}}"#,
            clock::now(),
            85.0 + tenths,
        );
        if !padding.is_empty() {
            let _ = write!(text, r#","padding":"{padding}""#);
        }
        text.push_str(if typed { "}}" } else { "}" });
        text
    }
}

/// The number of the sample in a frame.
pub(crate) fn seq_of(frame: &[u8]) -> Option<u64> {
    number_after(frame, r#""seq":"#)
}

/// The ranges of numbers in `telemetry.ack`; None in another frame.
pub(crate) fn acknowledged(frame: &[u8]) -> Option<Vec<(u64, u64)>> {
    let text = std::str::from_utf8(frame).ok()?;
    if !text.starts_with(r#"{"type":"telemetry.ack""#) {
        return None;
    }
    let (_, ranges) = text.split_once(r#""ranges":"#)?;
    serde_json::from_str(ranges.trim_end_matches('}')).ok()
}

/// How far the server wants the first attempts after a loss to be spread, s.
pub(crate) fn retry_window(text: &[u8]) -> Option<u64> {
    number_after(text, r#""retry_window_s":"#).or_else(|| number_after(text, "retry_window="))
}

fn number_after(text: &[u8], key: &str) -> Option<u64> {
    let (_, rest) = std::str::from_utf8(text).ok()?.split_once(key)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ems_protocol::{Envelope, Telemetry};

    #[test]
    fn a_sample_is_one_of_the_contract_and_its_number_is_found() {
        let mut samples = Samples::new("ems_00001", 0);
        let text = samples.text(41, false).to_owned();
        assert!((280..350).contains(&text.len()), "{} bytes", text.len());
        let sample = Telemetry::parse(&text, &"ems_00001".parse().unwrap()).unwrap();
        assert_eq!((sample.seq, seq_of(text.as_bytes())), (Some(41), Some(41)));
        let typed = Samples::new("ems_00001", 100).text(42, true).to_owned();
        let envelope = Envelope::parse(&typed).unwrap();
        Telemetry::parse(envelope.payload_text(), &"ems_00001".parse().unwrap()).unwrap();
        assert_eq!(seq_of(typed.as_bytes()), Some(42));
    }

    #[test]
    fn what_a_server_says_is_understood() {
        let ack = br#"{"type":"telemetry.ack","payload":{"boot_id":"b","ranges":[[1,3],[7,7]]}}"#;
        assert_eq!(acknowledged(ack), Some(vec![(1, 3), (7, 7)]));
        assert_eq!(retry_window(b"the server restarts; retry_window=15"), Some(15));
    }
}
