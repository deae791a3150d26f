//! The database file: how it is opened, and where it and its companions lie.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FallocateFlags, fallocate};

use super::CardError;
use super::wal::Log;

const PAGE: u64 = 4096;
/// The log is written back into the database when it holds this many pages: few enough for a small file, many
/// enough that a page is written back once for many changes. docs/decisions/0006-device-store.md has the figures.
const CHECKPOINT_PAGES: u32 = 96;
/// The log's file is made this long at once: its end then never is the place of the last write, so that a file cut
/// short by a damaged file system costs nothing. Room for one large write beyond [`CHECKPOINT_PAGES`].
const LOG_BYTES: u64 = 32 + 128 * (24 + PAGE);

/// Where the database and its companions lie.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    folder: PathBuf,
}

impl Paths {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("card.sqlite")
    }

    /// SQLite's write-ahead log.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("card.sqlite-wal")
    }

    /// A successor while it is filled.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.folder.join("card.unfinished")
    }

    /// A successor that is complete and takes the database's place.
    pub(super) fn healed(&self) -> PathBuf {
        self.folder.join("card.healed")
    }

    /// Makes renames in the folder durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// Opens the database for use, makes its tables, checks its structure. `log` is what stood beside it.
pub(super) fn open(paths: &Paths, log: &Log) -> Result<Connection, CardError> {
    let path = paths.database();
    // SQLite only says that it cannot open the file; the system says why.
    let length = File::options().read(true).append(true).create(true).open(&path)?.metadata()?.len();
    if length == 0 {
        // SQLite would throw away a log that has lost its database: what is in it can be read.
        if fs::metadata(paths.log()).is_ok_and(|log| log.len() > 0) {
            return Err(CardError::Damaged("the database is empty, its log is not".to_owned()));
        }
        drop(create(&path)?);
        paths.sync()?;
    }
    lengthen_log(&paths.log());
    let connection = create(&path)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if verdict != "ok" {
        return Err(CardError::Damaged(one_line(&verdict)));
    }
    // A structure may be sound and yet miss its end: that of an older database beside a newer log.
    let pages: u32 = connection.query_row("PRAGMA page_count", (), |row| row.get(0))?;
    let in_file = u32::try_from(length / PAGE).unwrap_or(u32::MAX);
    match (in_file.saturating_add(1)..=pages).find(|page| length > 0 && !log.taken_over.contains(page)) {
        Some(page) => Err(CardError::Damaged(format!("page {page} of {pages} is missing"))),
        None => Ok(connection),
    }
}

fn create(path: &Path) -> Result<Connection, CardError> {
    let connection = connect(path)?;
    make_tables(&connection)?;
    Ok(connection)
}

/// A connection with the store's settings, without a look at what is in the file.
pub(super) fn connect(path: &Path) -> Result<Connection, CardError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // The log stays as it is when the daemon stops: a stop costs the card nothing, and the last pages stay doubled.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Exclusive: one process owns the folder, and no shared memory file is needed.
    connection.execute_batch(&format!(
        "PRAGMA page_size={PAGE}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-128; PRAGMA temp_store=MEMORY;
         PRAGMA secure_delete=FAST; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;
         PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}"
    ))?;
    Ok(connection)
}

/// Every `data` is a sealed record (`entry.rs`).
pub(super) fn make_tables(connection: &Connection) -> Result<(), CardError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS block (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS boot (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;",
    )?;
    Ok(())
}

/// Best effort: on a full disk or a file system without `fallocate` the log grows as it is written.
fn lengthen_log(path: &Path) {
    let lengthen = || -> io::Result<()> {
        let file = File::options().create(true).append(true).open(path)?;
        if file.metadata()?.len() < LOG_BYTES {
            fallocate(&file, FallocateFlags::empty(), 0, LOG_BYTES)?;
        }
        Ok(())
    };
    let _ = lengthen();
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
