//! Who did what. The table only grows: its triggers see to that.

use ems_protocol::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::Value;

/// One thing that somebody did, or was not let do.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The user, or `command line`.
    pub who: String,
    /// For example `command` or `refused`.
    pub action: String,
    /// The device, or the path that was refused.
    pub subject: String,
    /// More of it; never a secret.
    pub details: Value,
}

/// Adds an entry.
pub fn add(
    db: &Connection,
    at: i64,
    who: &str,
    action: &str,
    subject: &str,
    details: &Value,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO audit (at, who, action, subject, details) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![at, who, action, subject, details.to_string()])
        .map(drop)
}

/// The last `limit` entries, newest first.
pub fn list(db: &Connection, limit: usize) -> rusqlite::Result<Vec<Entry>> {
    db.prepare_cached("SELECT at, who, action, subject, details FROM audit ORDER BY id DESC LIMIT ?")?
        .query_map([limit], |row| {
            Ok(Entry {
                at: Timestamp::from_millis(row.get(0)?),
                who: row.get(1)?,
                action: row.get(2)?,
                subject: row.get(3)?,
                details: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
            })
        })?
        .collect()
}
