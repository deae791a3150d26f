//! What devices say of themselves in `device.hello`, so that it is known while they are away.

use ems_protocol::{Hello, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// Actions that one device may name.
const MAX_ACTIONS: usize = 64;
/// The longest name of an action, in bytes; as commands take it.
const MAX_NAME: usize = 64;

/// What one device has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The daemon's version.
    pub firmware_version: String,
    /// The board.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware_model: Option<String>,
    /// What measures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<String>,
    /// The actions that it takes.
    pub actions: Vec<String>,
}

impl Facts {
    /// Of a `device.hello`.
    pub fn of(hello: &Hello) -> Self {
        let is_name = |name: &&String| {
            (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_uppercase() || c == b'_')
        };
        Self {
            firmware_version: hello.firmware_version.clone(),
            hardware_model: hello.hardware_model.clone(),
            sensor: hello.sensor.clone(),
            actions: hello.actions.iter().filter(is_name).take(MAX_ACTIONS).cloned().collect(),
        }
    }
}

/// Keeps what a device has said.
pub fn set(db: &Connection, device: i64, facts: &Facts, now: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO device_facts (device, said_at, facts) VALUES (?, ?, ?)")?
        .execute(params![device, now, serde_json::to_string(facts).unwrap_or_default()])
        .map(drop)
}

/// What a device has said, and when it said so first.
pub fn find(db: &Connection, device: i64) -> rusqlite::Result<Option<(Facts, Timestamp)>> {
    let found: Option<(String, i64)> = db
        .prepare_cached("SELECT facts, said_at FROM device_facts WHERE device = ?")?
        .query_row([device], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.and_then(|(text, at)| Some((serde_json::from_str(&text).ok()?, Timestamp::from_millis(at)))))
}
