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

/// Which entries are asked for; what is not set is not looked at.
#[derive(Debug, Default)]
pub struct Filter {
    /// Not before, ms since 1970.
    pub from: Option<i64>,
    /// Not after, ms since 1970.
    pub to: Option<i64>,
    /// Who.
    pub who: Option<String>,
    /// What.
    pub action: Option<String>,
    /// The device, user or path.
    pub subject: Option<String>,
}

/// The last `limit` entries that `filter` lets pass, newest first.
pub fn list(db: &Connection, filter: &Filter, limit: usize) -> rusqlite::Result<Vec<Entry>> {
    let Filter { from, to, who, action, subject } = filter;
    db.prepare_cached(
        "SELECT at, who, action, subject, details FROM audit WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at <= ?2) \
         AND (?3 IS NULL OR who = ?3) AND (?4 IS NULL OR action = ?4) AND (?5 IS NULL OR subject = ?5) \
         ORDER BY id DESC LIMIT ?6",
    )?
        .query_map(params![from, to, who, action, subject, limit], |row| {
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
