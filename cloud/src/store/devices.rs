//! The registry of devices. Used by the server and, on the same file, by the command line.

use ems_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::auth::token::TokenHash;
use crate::clock;

/// A registered device.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Names it in the other tables.
    pub key: i64,
    /// Its name on the wire.
    pub id: DeviceId,
    /// Its name for people.
    pub name: Option<String>,
    /// What an admin has to say of it.
    pub notes: Option<String>,
    /// Of its token.
    pub token_hash: TokenHash,
    /// Of the token that replaces it once the device has connected with it.
    pub next_token_hash: Option<TokenHash>,
    /// Whether it may connect.
    pub enabled: bool,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// Registers a device; false when the id is taken.
pub fn add(db: &Connection, id: &DeviceId, name: Option<&str>, token: &TokenHash) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "INSERT INTO devices (device_id, name, token_hash, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        params![id.as_str(), name, token.as_bytes(), clock::now().millis()],
    )?;
    Ok(changed == 1)
}

/// Replaces the token; false when there is no such device.
pub fn set_token(db: &Connection, id: &DeviceId, token: &TokenHash) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE devices SET token_hash = ?, next_token_hash = NULL WHERE device_id = ? AND removed_at IS NULL",
        params![token.as_bytes(), id.as_str()],
    )?;
    Ok(changed == 1)
}

/// Lets a device connect with this token too; false when there is no such device.
pub fn set_next_token(db: &Connection, id: &DeviceId, token: &TokenHash) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE devices SET next_token_hash = ? WHERE device_id = ? AND removed_at IS NULL",
        params![token.as_bytes(), id.as_str()],
    )?;
    Ok(changed == 1)
}

/// The device has connected with the next token: from now on it is the only one. False when it is not the next one.
pub fn promote_token(db: &Connection, key: i64, token: &TokenHash) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE devices SET token_hash = next_token_hash, next_token_hash = NULL WHERE key = ? AND next_token_hash = ?",
        params![key, token.as_bytes()],
    )?;
    Ok(changed == 1)
}

/// The next token was not taken.
pub fn drop_next_token(db: &Connection, key: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE devices SET next_token_hash = NULL WHERE key = ?", [key]).map(drop)
}

/// Lets a device connect or not; false when there is no such device.
pub fn set_enabled(db: &Connection, id: &DeviceId, enabled: bool) -> rusqlite::Result<bool> {
    let disabled_at = (!enabled).then(|| clock::now().millis());
    let changed = db.execute(
        "UPDATE devices SET disabled_at = ? WHERE device_id = ? AND removed_at IS NULL",
        params![disabled_at, id.as_str()],
    )?;
    Ok(changed == 1)
}

/// What people say of a device; false when there is no such device.
pub fn describe(
    db: &Connection,
    id: &DeviceId,
    name: Option<&str>,
    notes: Option<&str>,
) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE devices SET name = ?, notes = ? WHERE device_id = ? AND removed_at IS NULL",
        params![name, notes, id.as_str()],
    )?;
    Ok(changed == 1)
}

/// Takes a device off the registry; its id is free again. False when there is no such device.
pub fn remove(db: &Connection, id: &DeviceId) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE devices SET removed_at = ? WHERE device_id = ? AND removed_at IS NULL",
        params![clock::now().millis(), id.as_str()],
    )?;
    Ok(changed == 1)
}

/// All registered devices by id.
pub fn list(db: &Connection) -> rusqlite::Result<Vec<DeviceRow>> {
    db.prepare_cached(&format!("{SELECT} ORDER BY device_id"))?.query_map([], read)?.collect()
}

/// The registered device of that id.
pub fn find(db: &Connection, id: &DeviceId) -> rusqlite::Result<Option<DeviceRow>> {
    db.prepare_cached(&format!("{SELECT} AND device_id = ?"))?.query_row([id.as_str()], read).optional()
}

/// A number that grows with every change of the registry, whoever made it.
pub fn revision(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT revision FROM registry")?.query_row([], |row| row.get(0))
}

const SELECT: &str = "SELECT key, device_id, name, token_hash, disabled_at IS NULL, created_at, next_token_hash, notes FROM devices \
     WHERE removed_at IS NULL";

fn read(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    let id: String = row.get(1)?;
    let id = DeviceId::try_from(id).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(DeviceRow {
        key: row.get(0)?,
        id,
        name: row.get(2)?,
        token_hash: TokenHash::from_bytes(row.get(3)?),
        enabled: row.get(4)?,
        created_at: Timestamp::from_millis(row.get(5)?),
        notes: row.get(7)?,
        next_token_hash: row.get::<_, Option<[u8; 32]>>(6)?.map(TokenHash::from_bytes),
    })
}
