//! The name of a device.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A device's name: `^[a-z0-9][a-z0-9_-]{0,62}$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub struct DeviceId(String);

/// A name that is no [`DeviceId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a device id has 1 to 63 characters of a-z, 0-9, '_' and '-' and begins with a letter or digit, as in ems_001"
)]
pub struct InvalidDeviceId;

impl DeviceId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = InvalidDeviceId;

    fn from_str(name: &str) -> Result<Self, InvalidDeviceId> {
        Self::try_from(name.to_owned())
    }
}

impl TryFrom<String> for DeviceId {
    type Error = InvalidDeviceId;

    fn try_from(name: String) -> Result<Self, InvalidDeviceId> {
        let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let valid = name.len() <= 63
            && name.bytes().next().is_some_and(letter)
            && name.bytes().all(|c| letter(c) || c == b'_' || c == b'-');
        if valid { Ok(Self(name)) } else { Err(InvalidDeviceId) }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for DeviceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_contract_are_accepted() {
        let longest = format!("a{}", "b".repeat(62));
        for name in ["ems_001", "0", "a-b_c", longest.as_str()] {
            assert!(name.parse::<DeviceId>().is_ok(), "{name}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        let too_long = "a".repeat(64);
        for name in ["", "_a", "-a", "Ems", "a b", "a/b", "ü", "a\n", "..", too_long.as_str()] {
            assert!(name.parse::<DeviceId>().is_err(), "{name:?}");
        }
    }
}
