//! Where UWB tags are. Lengths are metres in the frame of reference of the site's anchors.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, ErrorMessage, Timestamp};

/// The longest name of a tag, in bytes.
const MAX_ID: usize = 64;
/// No site is larger: a position beyond it is a fault, in m.
const MAX_COORDINATE: f64 = 1e6;

/// A point, in m.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Point {
    /// East, or as the site's anchors say.
    pub x: f64,
    /// North, or as the site's anchors say.
    pub y: f64,
    /// Up.
    pub z: f64,
}

/// `uwb.location`: a tag is here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct UwbLocation {
    /// The tag, for example `4f2a`: 1 to 64 visible ASCII characters.
    pub device_id: String,
    /// Where it is.
    pub location: Point,
    /// The radius in which it is, in m, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// How good the position is, 0 to 100 %, as a DWM1001 says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
    /// When it was there.
    pub timestamp: Timestamp,
}

/// A tag in [`UwbDeviceList`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct UwbDevice {
    /// The tag.
    pub id: String,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Where it was then.
    pub location: Point,
}

/// `uwb.device_list`: the tags that were heard of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct UwbDeviceList {
    /// In the order of their names.
    pub devices: Vec<UwbDevice>,
}

impl Point {
    /// The distance to another point, in m.
    pub fn distance(self, other: Self) -> f64 {
        let [dx, dy, dz] = [self.x - other.x, self.y - other.y, self.z - other.z];
        (dx * dx + dy * dy + dz * dz).sqrt()
    }

    fn check(self) -> Result<(), ErrorMessage> {
        for (name, value) in [("location.x", self.x), ("location.y", self.y), ("location.z", self.z)] {
            within(name, value, -MAX_COORDINATE, MAX_COORDINATE)?;
        }
        Ok(())
    }
}

impl UwbLocation {
    /// Checks every rule of the contract.
    ///
    /// # Errors
    /// One sentence that names the field, what is wrong with it and what is expected.
    pub fn check(&self) -> Result<(), ErrorMessage> {
        check_id("device_id", &self.device_id)?;
        self.location.check()?;
        self.accuracy.map_or(Ok(()), |accuracy| within("accuracy", accuracy, 0.0, MAX_COORDINATE))?;
        self.quality.map_or(Ok(()), |quality| within("quality", quality, 0.0, 100.0))
    }
}

impl UwbDevice {
    /// The same facts as a location.
    ///
    /// # Errors
    /// As [`UwbLocation::check`].
    pub fn into_location(self) -> Result<UwbLocation, ErrorMessage> {
        check_id("id", &self.id)?;
        self.location.check()?;
        Ok(UwbLocation {
            device_id: self.id,
            location: self.location,
            accuracy: None,
            quality: None,
            timestamp: self.last_seen,
        })
    }
}

fn check_id(field: &str, id: &str) -> Result<(), ErrorMessage> {
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    let words = format!("{field} must have 1 to {MAX_ID} visible ASCII characters");
    Err(ErrorMessage::new(ErrorCode::InvalidMessage, words).with("field", field))
}

fn within(field: &str, value: f64, low: f64, high: f64) -> Result<(), ErrorMessage> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let words = format!("{field} is {value}, expected {low} to {high}");
    Err(ErrorMessage::new(ErrorCode::InvalidMessage, words).with("field", field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(value: &Value) -> Result<(), ErrorMessage> {
        crate::parse::<UwbLocation>(&value.to_string())?.check()
    }

    #[test]
    fn each_broken_rule_of_a_location_is_named_with_its_field() {
        let good = json!({"device_id": "4f2a", "timestamp": "2026-02-03T12:00:00Z", "accuracy": 0.1,
            "location": {"x": 1.5, "y": -2, "z": 0}});
        assert_eq!(check(&good), Ok(()));
        for (pointer, value, field) in [
            ("/device_id", json!(""), "device_id"),
            ("/device_id", json!("a b"), "device_id"),
            ("/device_id", json!("x".repeat(65)), "device_id"),
            ("/location/x", json!("1"), "location.x"),
            ("/location/y", json!(1e7), "location.y"),
            ("/location", json!({"x": 1, "y": 2}), "location"),
            ("/accuracy", json!(-0.1), "accuracy"),
            ("/timestamp", json!(5), "timestamp"),
        ] {
            let mut broken = good.clone();
            *broken.pointer_mut(pointer).unwrap() = value;
            assert!(check(&broken).unwrap_err().message.contains(field), "{pointer}");
        }
    }
}
