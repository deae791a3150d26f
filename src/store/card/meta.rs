//! Small named values: each write is durable, the newest counts.

use rusqlite::{Connection, OptionalExtension};

use super::{CardError, entry};
use crate::store::record;

/// The value of that name, if there is a whole one.
pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, CardError> {
    let data = stored(connection, key)?;
    let meta = data.as_deref().and_then(|d| record::open(entry::META, d)).and_then(entry::meta);
    Ok(meta.filter(|(_, name, _)| *name == key).map(|(_, _, value)| value.to_vec()))
}

/// The bytes under that name, if they are no whole value.
pub(super) fn broken(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, CardError> {
    if get(connection, key)?.is_some() { Ok(None) } else { stored(connection, key) }
}

/// Stores the value; the same value again costs no write.
pub(super) fn set(connection: &Connection, key: &str, value: &[u8]) -> Result<(), CardError> {
    let data = stored(connection, key)?;
    let old = data.as_deref().and_then(|d| record::open(entry::META, d)).and_then(entry::meta);
    if old.is_some_and(|(_, name, old)| name == key && old == value) {
        return Ok(());
    }
    let revision = old.map_or(0, |(revision, ..)| revision) + 1;
    let data = entry::pack_meta(revision, key, value)?;
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (key, data))?;
    Ok(())
}

fn stored(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, CardError> {
    let select = "SELECT data FROM meta WHERE key = ?1";
    Ok(connection.query_row(select, (key,), |row| row.get(0)).optional()?)
}
