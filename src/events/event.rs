//! One event, as it is recorded and as it goes to the cloud.

use ems_protocol::{ClockQuality, DeviceEvent, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::{BootTime, Clock};

/// Something happened: what a stage reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// How much it matters.
    pub severity: Severity,
    /// One of [`super::code`], or a code of the store.
    pub code: &'static str,
    /// One sentence for a person, with the remedy if there is one.
    pub message: String,
    /// Facts for a program; few and short.
    pub details: Map<String, Value>,
}

/// An incident with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The boot in which it happened, as named on the wire.
    pub boot_id: String,
    /// `CLOCK_BOOTTIME` of that boot in ms.
    pub boottime_ms: u64,
    /// The wall-clock time, as far as it was known when this was written.
    pub timestamp: Timestamp,
    /// How that time was known.
    pub clock: ClockQuality,
    /// How much it matters.
    pub severity: Severity,
    /// Its stable name.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Facts for a program.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// The longest text of an event, in bytes: 64 of them and more fit the record on the card.
pub const MAX_TEXT: usize = 1024;

impl Incident {
    /// An incident without details.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), details: Map::new() }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}

impl Event {
    /// The incident at a moment of this boot.
    pub fn new(incident: Incident, boot_id: &str, at: BootTime, clock: &Clock) -> Self {
        let (timestamp, quality) = clock.label(at);
        Self {
            boot_id: boot_id.to_owned(),
            boottime_ms: at.0,
            timestamp,
            clock: quality,
            severity: incident.severity,
            code: incident.code.to_owned(),
            message: incident.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            details: incident.details,
        }
    }

    /// The same with its time as it is known now; only events of this boot can be corrected.
    #[must_use]
    pub fn relabelled(mut self, boot_id: &str, clock: &Clock) -> Self {
        if self.boot_id == boot_id {
            (self.timestamp, self.clock) = clock.label(BootTime(self.boottime_ms));
        }
        self
    }

    /// One line of JSON, at most [`MAX_TEXT`] bytes: details that do not fit are left out, a long message is cut.
    pub fn to_text(&self) -> String {
        let text = json(self);
        if text.len() <= MAX_TEXT {
            return text;
        }
        let mut short = Self { details: Map::new(), ..self.clone() };
        let mut text = json(&short);
        while text.len() > MAX_TEXT && !short.message.is_empty() {
            let excess = text.len() - MAX_TEXT;
            // A character takes up to 6 bytes of JSON and at least one of the message.
            let keep =
                short.message.floor_char_boundary(short.message.len().saturating_sub(excess.div_ceil(6)));
            short.message.truncate(keep);
            text = json(&short);
        }
        text
    }

    /// An event from its text.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As it goes to the cloud.
    pub fn device_event(&self, boot_id: &str, clock: &Clock) -> DeviceEvent {
        let now_known = self.clone().relabelled(boot_id, clock);
        DeviceEvent {
            timestamp: now_known.timestamp,
            severity: now_known.severity,
            code: now_known.code,
            message: now_known.message,
            details: now_known.details,
        }
    }
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemTime;
    use proptest::prelude::*;

    #[test]
    fn an_event_of_this_boot_gets_its_true_time_when_the_clock_is_known() {
        let clock = Clock::new(SystemTime);
        let at = clock.boottime();
        let event = Event::new(Incident::new(Severity::Info, "X", "x"), "boot", at, &clock);
        clock.server_says(Timestamp::from_millis(4_000_000_000_000));
        let sent = event.device_event("boot", &clock);
        assert!(sent.timestamp.millis() >= 4_000_000_000_000 - 60_000 || event.clock == ClockQuality::Synced);
        assert_eq!(event.device_event("a later boot", &clock).timestamp, event.timestamp);
    }

    proptest! {
        #[test]
        fn any_event_fits_and_comes_back(message in "\\PC{0,900}", detail in "\\PC{0,400}") {
            let clock = Clock::new(SystemTime);
            let incident = Incident::new(Severity::Error, "SENSOR_LOST", message.clone()).with("detail", detail);
            let event = Event::new(incident, "0f0f0f0f-0000-4000-8000-000000000001-12345678", BootTime(9_999_999_999_999), &clock);
            let text = event.to_text();
            prop_assert!(text.len() <= MAX_TEXT, "{}", text.len());
            let back = Event::from_text(&text).unwrap();
            prop_assert!(event.message.starts_with(&back.message));
            prop_assert_eq!((back.boot_id, back.code, back.timestamp), (event.boot_id, event.code, event.timestamp));
        }
    }
}
