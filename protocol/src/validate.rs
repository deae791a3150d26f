//! What a device's messages must obey beyond their types.

use serde_json::{Map, Value};

use crate::error::{ErrorCode, ErrorMessage};
use crate::limits::{MAX_FLAGS, MAX_TEXT_BYTES};
use crate::{CommandAck, DeviceId, Hello, Telemetry, VERSION};

/// The longest `boot_id`: a UUID and a suffix.
const MAX_BOOT_ID: usize = 64;
/// The longest name of a version, a board or a sensor, in bytes.
const MAX_NAME: usize = 128;

impl Hello {
    /// Checks every rule of the contract.
    ///
    /// # Errors
    /// One sentence that names the field, what is wrong with it and what is expected.
    pub fn check(&self) -> Result<(), ErrorMessage> {
        boot_id(&self.boot_id)?;
        name("firmware_version", &self.firmware_version)?;
        self.hardware_model.iter().try_for_each(|text| name("hardware_model", text))?;
        self.sensor.iter().try_for_each(|text| name("sensor", text))?;
        if self.actions.len() > MAX_FLAGS {
            return Err(field(
                "actions",
                format!("has {} entries, at most {MAX_FLAGS} are allowed", self.actions.len()),
            ));
        }
        self.actions.iter().try_for_each(|text| name("actions", text))
    }
}

impl Telemetry {
    /// Reads a telemetry object of `device` and checks every rule of the contract.
    ///
    /// # Errors
    /// One sentence that names the field, what is wrong with it and what is expected.
    pub fn parse(text: &str, device: &DeviceId) -> Result<Self, ErrorMessage> {
        let sample: Self = crate::parse(text)?;
        sample.check(device)?;
        Ok(sample)
    }

    /// Checks every rule of the contract.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn check(&self, device: &DeviceId) -> Result<(), ErrorMessage> {
        own_id(&self.device_id, device)?;
        if let Some(v) = self.v.filter(|&v| v != VERSION) {
            return Err(field("v", format!("is {v}; this server speaks version {VERSION}")));
        }
        self.check_identity()?;
        self.check_presence()?;
        self.check_battery()?;
        self.check_others()
    }

    fn check_identity(&self) -> Result<(), ErrorMessage> {
        match (&self.boot_id, self.seq) {
            (Some(boot), Some(_)) => boot_id(boot),
            (None, None) => Ok(()),
            (Some(_), None) => Err(field("seq", "is missing: boot_id and seq go together")),
            (None, Some(_)) => Err(field("boot_id", "is missing: boot_id and seq go together")),
        }
    }

    fn check_presence(&self) -> Result<(), ErrorMessage> {
        let flags = self.system_status.as_ref().map_or(&[][..], |s| &s.error_flags);
        texts("system_status.error_flags", flags)?;
        if !flags.is_empty() {
            return Ok(());
        }
        let missing = if self.battery.voltage.is_none() {
            "battery.voltage"
        } else if self.battery.soc.is_none() {
            "battery.soc"
        } else {
            return Ok(());
        };
        Err(field(missing, "is missing; a sample without it needs system_status.error_flags that say why"))
    }

    fn check_battery(&self) -> Result<(), ErrorMessage> {
        let b = &self.battery;
        within("battery.voltage", b.voltage, 0.0, 2000.0)?;
        for (name, percent) in [
            ("battery.soc", b.soc),
            ("battery.soc_low", b.soc_low),
            ("battery.soc_high", b.soc_high),
            ("battery.soc_uncertainty", b.soc_uncertainty),
        ] {
            within(name, percent, 0.0, 100.0)?;
        }
        if let (Some(low), Some(high)) = (b.soc_low, b.soc_high)
            && low > high
        {
            return Err(field("battery.soc_low", format!("is {low}, above soc_high {high}")));
        }
        // An aged cell can measure above its label, so the health may pass 100 %.
        within("battery.soh", b.soh, 0.0, 200.0)?;
        for (name, amount) in [
            ("battery.capacity", b.capacity),
            ("battery.energy_in", b.energy_in),
            ("battery.energy_out", b.energy_out),
            ("battery.cycle_count", b.cycle_count),
            ("battery.hours_since_sync", b.hours_since_sync),
            ("battery.ah_since_sync", b.ah_since_sync),
            ("battery.time_to_empty_s", b.time_to_empty_s),
            ("battery.time_to_full_s", b.time_to_full_s),
        ] {
            within(name, amount, 0.0, f64::MAX)?;
        }
        within("battery.current", b.current, -1e6, 1e6)?;
        within("battery.power", b.power, -1e9, 1e9)?;
        within("battery.temperature", b.temperature, -100.0, 500.0)?;
        texts("battery.faults", &b.faults)?;
        texts("battery.warnings", &b.warnings)
    }

    fn check_others(&self) -> Result<(), ErrorMessage> {
        if let Some(grid) = &self.grid {
            within("grid.power_factor", grid.power_factor, -1.0, 1.0)?;
            if let Some(status) = &grid.status {
                text("grid.status", status)?;
            }
        }
        if let Some(status) = &self.system_status {
            within("system_status.wifi_strength", status.wifi_strength, -200.0, 100.0)?;
            within("system_status.cpu_temperature", status.cpu_temperature, -100.0, 500.0)?;
            if let Some(version) = &status.firmware_version {
                text("system_status.firmware_version", version)?;
            }
        }
        Ok(())
    }

    /// The fields that this version does not know, as one object by group; empty when there are none.
    pub fn unknown_fields(&self) -> Map<String, Value> {
        let mut all = self.extra.clone();
        let groups = [
            ("system_status", self.system_status.as_ref().map(|g| &g.extra)),
            ("battery", Some(&self.battery.extra)),
            ("grid", self.grid.as_ref().map(|g| &g.extra)),
            ("solar", self.solar.as_ref().map(|g| &g.extra)),
            ("load", self.load.as_ref().map(|g| &g.extra)),
        ];
        for (name, extra) in groups {
            if let Some(extra) = extra.filter(|e| !e.is_empty()) {
                all.insert(name.to_owned(), Value::Object(extra.clone()));
            }
        }
        all
    }
}

impl CommandAck {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub fn check(&self, device: &DeviceId) -> Result<(), ErrorMessage> {
        own_id(&self.device_id, device)?;
        text("command_id", &self.command_id)
    }
}

fn own_id(found: &DeviceId, device: &DeviceId) -> Result<(), ErrorMessage> {
    if found == device {
        return Ok(());
    }
    Err(field("device_id", format!("is {found}, but this is the connection of {device}")))
}

fn boot_id(boot: &str) -> Result<(), ErrorMessage> {
    if (1..=MAX_BOOT_ID).contains(&boot.len()) && boot.bytes().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(field("boot_id", format!("must have 1 to {MAX_BOOT_ID} visible ASCII characters")))
}

fn field(name: &str, problem: impl std::fmt::Display) -> ErrorMessage {
    ErrorMessage::new(ErrorCode::InvalidMessage, format!("{name} {problem}")).with("field", name)
}

fn within(name: &str, value: Option<f64>, low: f64, high: f64) -> Result<(), ErrorMessage> {
    match value {
        Some(v) if !v.is_finite() || v < low || v > high => {
            let range = if high >= f64::MAX { format!("{low} or more") } else { format!("{low} to {high}") };
            Err(field(name, format!("is {v}, expected {range}")))
        }
        _ => Ok(()),
    }
}

fn name(of: &str, text: &str) -> Result<(), ErrorMessage> {
    if text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(field(of, format!("must have at most {MAX_NAME} bytes and no control characters")));
    }
    Ok(())
}

fn texts(name: &str, list: &[String]) -> Result<(), ErrorMessage> {
    if list.len() > MAX_FLAGS {
        return Err(field(name, format!("has {} entries, at most {MAX_FLAGS} are allowed", list.len())));
    }
    list.iter().try_for_each(|t| text(name, t))
}

fn text(name: &str, value: &str) -> Result<(), ErrorMessage> {
    if value.len() > MAX_TEXT_BYTES {
        return Err(field(name, format!("has {} bytes, at most {MAX_TEXT_BYTES} are allowed", value.len())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ems_001() -> DeviceId {
        "ems_001".parse().unwrap()
    }

    fn guide() -> Value {
        json!({"device_id": "ems_001", "timestamp": "2026-02-03T12:00:00Z", "battery": {"voltage": 53.2, "soc": 85}})
    }

    fn parse(value: &Value) -> Result<Telemetry, ErrorMessage> {
        Telemetry::parse(&value.to_string(), &ems_001())
    }

    #[test]
    fn the_guides_sample_is_valid() {
        let sample = parse(&guide()).unwrap();
        assert_eq!((sample.battery.voltage, sample.battery.soc), (Some(53.2), Some(85.0)));
        assert!(sample.unknown_fields().is_empty());
    }

    #[test]
    fn unknown_fields_survive_a_round_trip() {
        let mut value = guide();
        value["site"] = json!({"a": [1, 2]});
        value["battery"]["cells"] = json!([3.3, 3.31]);
        let sample = parse(&value).unwrap();
        assert_eq!(serde_json::to_value(&sample).unwrap()["battery"]["cells"], json!([3.3, 3.31]));
        assert_eq!(
            Value::Object(sample.unknown_fields()),
            json!({"site": {"a": [1, 2]}, "battery": {"cells": [3.3, 3.31]}})
        );
    }

    #[test]
    fn a_gap_is_valid_only_with_the_flag_that_says_why() {
        let mut gap =
            json!({"device_id": "ems_001", "timestamp": "2026-02-03T12:00:00Z", "boot_id": "b", "seq": 1});
        assert!(parse(&gap).unwrap_err().message.contains("battery.voltage is missing"));
        gap["system_status"] = json!({"error_flags": ["SENSOR_LOST"]});
        assert!(parse(&gap).unwrap().is_gap());
    }

    #[test]
    fn each_broken_rule_is_named_with_its_field() {
        let cases = [
            ("/battery/soc", json!(140), "battery.soc is 140"),
            ("/battery/soc", json!(-1), "battery.soc is -1"),
            ("/battery/voltage", json!(-0.1), "battery.voltage is -0.1"),
            ("/device_id", json!("ems_002"), "device_id is ems_002"),
            ("/device_id", json!("EMS 1"), "device_id"),
            ("/timestamp", json!("yesterday"), "timestamp"),
            ("/timestamp", json!(1_700_000_000), "timestamp"),
            ("/battery/voltage", json!("53"), "voltage"),
            ("/battery/voltage", json!(true), "voltage"),
            ("/battery", json!([]), "battery"),
        ];
        for (pointer, value, expected) in cases {
            let mut sample = guide();
            *sample.pointer_mut(pointer).unwrap() = value;
            let error = parse(&sample).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidMessage);
            assert!(error.message.contains(expected), "{pointer}: {}", error.message);
        }
    }

    #[test]
    fn a_hello_with_texts_that_would_fill_or_forge_a_log_is_refused() {
        let hello = |key: &str, value: Value| {
            let mut hello =
                json!({"boot_id": "b", "firmware_version": "0", "sensor": "INA226", "actions": ["PING"]});
            hello[key] = value;
            serde_json::from_value::<Hello>(hello).unwrap().check()
        };
        assert_eq!(hello("boot_id", json!("b")), Ok(()));
        for (key, value) in [
            ("boot_id", json!("")),
            ("boot_id", json!("a b")),
            ("boot_id", json!("x".repeat(65))),
            ("firmware_version", json!("x".repeat(129))),
            ("hardware_model", json!("a\nb")),
            ("sensor", json!("\u{1b}[2J")),
            ("actions", json!(vec!["PING"; 65])),
        ] {
            let error = hello(key, value).unwrap_err();
            assert!(error.message.starts_with(key), "{key}: {}", error.message);
        }
    }

    #[test]
    fn boot_id_and_seq_go_together() {
        for (key, value) in [("boot_id", json!("b")), ("seq", json!(1))] {
            let mut sample = guide();
            sample[key] = value;
            assert!(parse(&sample).unwrap_err().message.contains("go together"));
        }
    }
}
