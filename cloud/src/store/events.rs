//! Events and command answers of devices.

use ems_protocol::{DeviceEvent, Severity, Timestamp};
use rusqlite::{Connection, params};
use serde::Serialize;

const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Error];

/// An event in the history.
#[derive(Debug, Serialize)]
pub struct Stored {
    /// Names it.
    pub id: i64,
    /// When it came, by the server's clock.
    pub received_at: Timestamp,
    /// What the device said.
    #[serde(flatten)]
    pub event: DeviceEvent,
}

/// Stores an event; its id.
pub fn add(db: &Connection, device: i64, received_at: i64, event: &DeviceEvent) -> rusqlite::Result<i64> {
    let details = if event.details.is_empty() { None } else { serde_json::to_string(&event.details).ok() };
    db.prepare_cached(
        "INSERT INTO events (device, at, received_at, severity, code, message, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        device,
        event.timestamp.millis(),
        received_at,
        SEVERITIES.iter().position(|s| *s == event.severity),
        event.code,
        event.message,
        details
    ])?;
    Ok(db.last_insert_rowid())
}

/// The last `limit` events of a device, newest first: those that came last, or with a span the last of those whose own
/// time is within it.
pub fn list(
    db: &Connection,
    device: i64,
    span: Option<(i64, i64)>,
    limit: usize,
) -> rusqlite::Result<Vec<Stored>> {
    let query = match span {
        None => {
            "SELECT at, severity, code, message, details, id, received_at FROM events WHERE device = ?1 AND ?2 <= ?3 \
             ORDER BY received_at DESC, id DESC LIMIT ?4"
        }
        Some(_) => {
            "SELECT at, severity, code, message, details, id, received_at FROM events WHERE device = ?1 AND at BETWEEN ?2 AND ?3 \
             ORDER BY at DESC, id DESC LIMIT ?4"
        }
    };
    let (from, to) = span.unwrap_or_default();
    db.prepare_cached(query)?
        .query_map(params![device, from, to, limit], |row| {
            let details: Option<String> = row.get(4)?;
            let event = DeviceEvent {
                timestamp: Timestamp::from_millis(row.get(0)?),
                severity: SEVERITIES.get(row.get::<_, usize>(1)?).copied().unwrap_or(Severity::Info),
                code: row.get(2)?,
                message: row.get(3)?,
                details: details.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            };
            Ok(Stored { id: row.get(5)?, received_at: Timestamp::from_millis(row.get(6)?), event })
        })?
        .collect()
}

/// Keeps what a device answered to a command.
pub fn add_command_ack(
    db: &Connection,
    device: i64,
    received_at: i64,
    command_id: &str,
    ack: &str,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO command_acks (device, command_id, received_at, ack) VALUES (?, ?, ?, ?)")?
        .execute(params![device, command_id, received_at, ack])?;
    Ok(())
}
