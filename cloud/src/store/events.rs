//! Events and command answers of devices.

use ems_protocol::{DeviceEvent, Severity, Timestamp};
use rusqlite::{Connection, params};

const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Error];

/// Stores an event.
pub fn add(db: &Connection, device: i64, received_at: i64, event: &DeviceEvent) -> rusqlite::Result<()> {
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
    Ok(())
}

/// The last `limit` events of a device, newest first.
pub fn list(db: &Connection, device: i64, limit: usize) -> rusqlite::Result<Vec<DeviceEvent>> {
    db.prepare_cached(
        "SELECT at, severity, code, message, details FROM events WHERE device = ? \
         ORDER BY received_at DESC, id DESC LIMIT ?",
    )?
    .query_map(params![device, limit], |row| {
        let details: Option<String> = row.get(4)?;
        Ok(DeviceEvent {
            timestamp: Timestamp::from_millis(row.get(0)?),
            severity: SEVERITIES.get(row.get::<_, usize>(1)?).copied().unwrap_or(Severity::Info),
            code: row.get(2)?,
            message: row.get(3)?,
            details: details.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        })
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
