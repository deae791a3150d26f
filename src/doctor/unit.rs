//! What systemd says of the service.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::command::output;

/// The service's name.
pub(super) const UNIT: &str = "ems-edge.service";
/// What is asked for (org.freedesktop.systemd1(5)).
const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,User,Group,SupplementaryGroups,\
    DevicePolicy,DeviceAllow,Environment,ExecMainStatus,StatusText,NeedDaemonReload";

/// Properties of the unit with their values; those without a value are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit(BTreeMap<String, String>);

impl Unit {
    /// Asks systemd; `None` where it does not run, a sentence where it does not answer.
    pub(super) fn ask(root: &Path, deadline: Instant) -> Option<Result<Self, String>> {
        // sd_booted(3).
        if !root.join("run/systemd/system").is_dir() {
            return None;
        }
        let mut command = Command::new("systemctl");
        command.args(["show", UNIT, "--no-pager", &format!("--property={PROPERTIES}")]);
        Some(output(&mut command, deadline).map(|text| Self::parse(&text)))
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut properties: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            if value.is_empty() {
                continue;
            }
            // A list comes as one line an entry.
            let all = properties.entry(key.to_owned()).or_default();
            if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(value);
        }
        Self(properties)
    }

    /// The value of a property.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether there is such a unit.
    pub(super) fn is_installed(&self) -> bool {
        self.get("LoadState") == Some("loaded")
    }
}
