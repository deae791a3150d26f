//! A configuration of `ems-edge` in the making.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::cloud::Device;

/// Keys and values for an env file.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The simulated pack, published as `device`.
    pub fn of(device: &Device) -> Self {
        Self::default()
            .with("DEVICE_ID", &device.id)
            .with("API_TOKEN", &device.token)
            .with("SENSOR", "simulated")
    }

    /// The same with `key` set.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same, publishing over TLS to `address`, whose authority is in the file `ca`.
    #[must_use]
    pub fn to(self, address: SocketAddr, ca: &Path) -> Self {
        let ca = ca.to_str().expect("a temporary folder with a plain name");
        self.with("SERVER_URL", &format!("wss://{address}")).with("CA_FILE", ca)
    }

    /// The same, measuring with `chip` at 0x40 on `bus`, through a shunt of 100 A/75 mV at a pack of so many LFP cells.
    #[must_use]
    pub fn measuring(self, chip: &str, bus: &Path, cells: u16) -> Self {
        self.with("SENSOR", chip)
            .with("I2C_BUS", bus.to_str().expect("a temporary folder with a plain name"))
            .with("SHUNT", "100A/75mV")
            .with("CHEMISTRY", "lfp")
            .with("CELLS_SERIES", &cells.to_string())
            .with("CAPACITY_AH", "100")
    }

    /// The value of `key`.
    #[track_caller]
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("{key} is not set"))
    }

    /// As the text of an env file.
    pub fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (key, value)| {
            writeln!(text, "{key}='{value}'").expect("a String takes all");
            text
        })
    }
}
