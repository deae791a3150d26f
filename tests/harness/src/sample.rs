//! A telemetry object as any client sees it: JSON, read without the product's own types.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One telemetry object.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample(pub Value);

impl Sample {
    /// Pack voltage in V, unless the reading failed.
    pub fn voltage(&self) -> Option<f64> {
        self.0["battery"]["voltage"].as_f64()
    }

    /// Current in A, + = charging.
    pub fn current(&self) -> Option<f64> {
        self.0["battery"]["current"].as_f64()
    }

    /// Whether it says by a flag that there are no values.
    pub fn is_gap(&self) -> bool {
        let battery = &self.0["battery"];
        ["voltage", "current", "power", "soc"].iter().all(|key| battery.get(key).is_none())
            && !self.flags().is_empty()
    }

    /// Why values are missing.
    pub fn flags(&self) -> Vec<&str> {
        let flags = self.0["system_status"]["error_flags"].as_array();
        flags.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Its number within the boot.
    #[track_caller]
    pub fn seq(&self) -> u64 {
        self.0["seq"].as_u64().unwrap_or_else(|| panic!("no seq in {}", self.0))
    }

    /// The boot that its number belongs to.
    #[track_caller]
    pub fn boot_id(&self) -> &str {
        self.0["boot_id"].as_str().unwrap_or_else(|| panic!("no boot_id in {}", self.0))
    }

    /// Its time stamp in ms since 1970.
    #[track_caller]
    pub fn millis(&self) -> i64 {
        self.time("timestamp")
    }

    /// When the cloud received it, in ms since 1970.
    #[track_caller]
    pub fn received_millis(&self) -> i64 {
        self.time("received_at")
    }

    #[track_caller]
    fn time(&self, key: &str) -> i64 {
        let text = self.0[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.0));
        let time = OffsetDateTime::parse(text, &Rfc3339).unwrap_or_else(|_| panic!("{text} is not RFC 3339"));
        i64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("a time of this age")
    }
}
