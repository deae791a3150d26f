//! Commands: each a row from the asking to the answer. The open rows of a device are its queue.

use ems_protocol::{CommandAck, CommandStatus, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// How long after the end of its time to live a command may still be answered, in ms.
const ANSWER_MS: i64 = 20_000;

/// A command and how far it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRow {
    /// Names it here.
    pub key: i64,
    /// The device's key.
    pub device: i64,
    /// Names it on the wire.
    pub command_id: String,
    /// What to do.
    pub action: String,
    /// What to do it with; a token in it is masked.
    pub payload: Map<String, Value>,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub created_at: Timestamp,
    /// The end of its time to live.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub status: CommandStatus,
    /// How often it was sent.
    pub deliveries: u32,
    /// When it was sent first.
    pub sent_at: Option<Timestamp>,
    /// When the device took it.
    pub accepted_at: Option<Timestamp>,
    /// When the device began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub final_at: Option<Timestamp>,
    /// Why it was rejected or failed.
    pub reason_code: Option<String>,
    /// The same in a sentence.
    pub reason: Option<String>,
    /// What the action gave.
    pub result: Option<Value>,
    /// The device's answer that came after `TIMED_OUT`.
    pub late_result: Option<Value>,
}

/// A command in the making.
#[derive(Debug, Clone)]
pub struct NewCommand {
    /// The device's key.
    pub device: i64,
    /// Names it on the wire.
    pub command_id: String,
    /// What to do.
    pub action: String,
    /// What to do it with, without secrets.
    pub payload: Map<String, Value>,
    /// Who asks.
    pub asked_by: String,
    /// Now, ms since 1970.
    pub created_at: i64,
    /// How long it is good for, in ms.
    pub ttl_ms: i64,
}

/// Adds a command; false when the device has one of that id already.
pub fn add(db: &Connection, new: &NewCommand) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "INSERT INTO commands (device, command_id, action, payload, asked_by, created_at, expires_at, status) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            new.device,
            new.command_id,
            new.action,
            serde_json::to_string(&new.payload).unwrap_or_default(),
            new.asked_by,
            new.created_at,
            new.created_at.saturating_add(new.ttl_ms),
            word(CommandStatus::Created),
        ])?;
    Ok(changed == 1)
}

/// How many commands of a device are open.
pub fn count_open(db: &Connection, device: i64) -> rusqlite::Result<usize> {
    db.prepare_cached("SELECT count(*) FROM commands WHERE device = ? AND final_at IS NULL")?
        .query_row([device], |row| row.get(0))
}

/// Open commands of a device after `after` whose time to live has not ended, oldest first.
pub fn open(
    db: &Connection,
    device: i64,
    after: i64,
    now: i64,
    limit: usize,
) -> rusqlite::Result<Vec<CommandRow>> {
    db.prepare_cached(&format!(
        "{SELECT} WHERE device = ? AND key > ? AND final_at IS NULL AND expires_at > ? ORDER BY key LIMIT ?"
    ))?
    .query_map(params![device, after, now, limit], read)?
    .collect()
}

/// It was sent.
pub fn note_sent(db: &Connection, key: i64, now: i64) -> rusqlite::Result<Option<CommandRow>> {
    db.prepare_cached(
        "UPDATE commands SET deliveries = deliveries + 1, sent_at = coalesce(sent_at, ?2), \
         status = CASE status WHEN 'CREATED' THEN 'SENT' ELSE status END WHERE key = ?1",
    )?
    .execute(params![key, now])?;
    by_key(db, key)
}

/// The device's answer; nothing if it has no such command. A final status stays as it is: what comes after `TIMED_OUT`
/// is kept beside it.
pub fn note_ack(
    db: &Connection,
    device: i64,
    now: i64,
    ack: &CommandAck,
) -> rusqlite::Result<Option<CommandRow>> {
    let Some(row) = find(db, device, &ack.command_id)? else { return Ok(None) };
    let json = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
    match (row.final_at.is_some(), row.status, ack.status) {
        (false, _, CommandStatus::Accepted) => {
            db.prepare_cached(
                "UPDATE commands SET accepted_at = coalesce(accepted_at, ?2), \
                 status = CASE status WHEN 'IN_PROGRESS' THEN status ELSE 'ACCEPTED' END WHERE key = ?1",
            )?
            .execute(params![row.key, now])?;
        }
        (false, _, CommandStatus::InProgress) => {
            db.prepare_cached(
                "UPDATE commands SET started_at = coalesce(started_at, ?2), status = 'IN_PROGRESS' WHERE key = ?1",
            )?
            .execute(params![row.key, now])?;
        }
        (false, _, status) if is_final(status) => {
            db.prepare_cached(
                "UPDATE commands SET final_at = ?2, status = ?3, reason_code = ?4, reason = ?5, result = ?6 \
                 WHERE key = ?1",
            )?
            .execute(params![
                row.key,
                now,
                word(status),
                ack.reason_code.map(word),
                ack.reason,
                json(&ack.result)
            ])?;
        }
        (true, CommandStatus::TimedOut, status) if is_final(status) => {
            db.prepare_cached("UPDATE commands SET late_result = coalesce(late_result, ?2) WHERE key = ?1")?
                .execute(params![row.key, serde_json::to_string(ack).unwrap_or_default()])?;
        }
        _ => {}
    }
    by_key(db, row.key)
}

/// Ends a command without the device.
pub fn fail(
    db: &Connection,
    key: i64,
    now: i64,
    code: &str,
    reason: &str,
) -> rusqlite::Result<Option<CommandRow>> {
    db.prepare_cached(
        "UPDATE commands SET final_at = ?2, status = 'FAILED', reason_code = ?3, reason = ?4 \
         WHERE key = ?1 AND final_at IS NULL",
    )?
    .execute(params![key, now, code, reason])?;
    by_key(db, key)
}

/// Whether [`time_out`] has something to do.
pub fn has_overdue(db: &Connection, now: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM commands WHERE final_at IS NULL AND expires_at < ?)")?
        .query_row([now - ANSWER_MS], |row| row.get(0))
}

/// Ends the commands to which no final answer came in time.
pub fn time_out(db: &Connection, now: i64) -> rusqlite::Result<Vec<CommandRow>> {
    let keys: Vec<i64> = db
        .prepare_cached("SELECT key FROM commands WHERE final_at IS NULL AND expires_at < ?")?
        .query_map([now - ANSWER_MS], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        db.prepare_cached("UPDATE commands SET final_at = ?2, status = 'TIMED_OUT' WHERE key = ?1")?
            .execute([key, now])?;
        rows.extend(by_key(db, key)?);
    }
    Ok(rows)
}

/// The devices that have got commands after `after`, and the last of those.
pub fn newer(db: &Connection, after: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    db.prepare_cached("SELECT device, max(key) FROM commands WHERE key > ? GROUP BY device")?
        .query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The command of that id.
pub fn find(db: &Connection, device: i64, command_id: &str) -> rusqlite::Result<Option<CommandRow>> {
    db.prepare_cached(&format!("{SELECT} WHERE device = ? AND command_id = ?"))?
        .query_row(params![device, command_id], read)
        .optional()
}

/// The last `limit` commands of a device, newest first.
pub fn list(db: &Connection, device: i64, limit: usize) -> rusqlite::Result<Vec<CommandRow>> {
    db.prepare_cached(&format!("{SELECT} WHERE device = ? ORDER BY key DESC LIMIT ?"))?
        .query_map(params![device, limit], read)?
        .collect()
}

fn by_key(db: &Connection, key: i64) -> rusqlite::Result<Option<CommandRow>> {
    db.prepare_cached(&format!("{SELECT} WHERE key = ?"))?.query_row([key], read).optional()
}

/// Whether nothing comes after it.
pub fn is_final(status: CommandStatus) -> bool {
    use CommandStatus::{Failed, Rejected, Succeeded, TimedOut};
    matches!(status, Succeeded | Failed | Rejected | TimedOut)
}

const SELECT: &str = "SELECT key, device, command_id, action, payload, asked_by, created_at, expires_at, status, \
     deliveries, sent_at, accepted_at, started_at, final_at, reason_code, reason, result, late_result FROM commands";

fn read(row: &Row<'_>) -> rusqlite::Result<CommandRow> {
    let time = |at: Option<i64>| at.map(Timestamp::from_millis);
    let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(CommandRow {
        key: row.get(0)?,
        device: row.get(1)?,
        command_id: row.get(2)?,
        action: row.get(3)?,
        payload: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
        asked_by: row.get(5)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        expires_at: Timestamp::from_millis(row.get(7)?),
        status: from_word(&row.get::<_, String>(8)?).unwrap_or(CommandStatus::Created),
        deliveries: row.get(9)?,
        sent_at: time(row.get(10)?),
        accepted_at: time(row.get(11)?),
        started_at: time(row.get(12)?),
        final_at: time(row.get(13)?),
        reason_code: row.get(14)?,
        reason: row.get(15)?,
        result: json(row.get(16)?),
        late_result: json(row.get(17)?),
    })
}

/// The name on the wire and in the table.
fn word<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn from_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}
