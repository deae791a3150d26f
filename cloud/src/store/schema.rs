//! The tables, and how an older file becomes a newer one.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// How long a statement waits for another process (the command line beside the server) to finish writing.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// `MIGRATIONS[n]` turns a file of `user_version` n into one of n + 1. Never edit an entry that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
];

/// Opens the file for writing, brings its tables up to date, and makes it durable at every commit.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    // Readers must not wait for the writer. Some network file systems cannot do it; memory is for tests.
    if mode != "wal" && mode != "memory" {
        return Err(StoreError::Unavailable {
            reason: format!("the file system cannot hold a write-ahead log (journal mode {mode})"),
            reopen: true,
        });
    }
    // An acknowledged sample must survive the loss of power: each commit is synchronised to the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The log is not copied into the file in a commit, which somebody waits for: see `log`. Whoever closes the file last
    // copies what is left.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

/// Opens an existing file for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_plain(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Opens an existing file and nothing else.
pub(super) fn open_plain(path: &Path) -> rusqlite::Result<Connection> {
    // Not SQLITE_OPEN_READ_ONLY: a reader of a WAL file may have to make its shared memory.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Who copies the log into the file synchronises both.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let newest = MIGRATIONS.len();
    if found > newest {
        return Err(StoreError::TooNew { found, newest });
    }
    for step in MIGRATIONS.iter().skip(found) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", newest)?;
    transaction.commit()?;
    Ok(())
}

/// A file as an older version has left it.
#[cfg(test)]
pub(super) fn open_version(path: &Path, version: usize) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    for step in MIGRATIONS.iter().take(version) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", version)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_later_version_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ems.db");
        open(&path).unwrap().pragma_update(None, "user_version", 900).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("900") && error.contains("newer"), "{error}");
    }

    #[test]
    fn opening_twice_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ems.db");
        open(&path).unwrap();
        let again = open(&path).unwrap();
        let version: usize = again.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, MIGRATIONS.len());
    }
}
