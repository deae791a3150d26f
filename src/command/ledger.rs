//! Which commands were taken, and what was answered: an SQLite file of its own, so that a damaged one costs no sample,
//! and a slow backlog delays no command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ems_protocol::CommandAck;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Commands that are remembered.
pub(super) const MOST: i64 = 10_000;
/// How long one is remembered, in ms.
const OLDEST_MS: i64 = 7 * 24 * 3600 * 1000;
/// The longest answer that is kept, in bytes: a longer one is kept without its `result`.
const LONGEST_ANSWER: usize = 4096;

/// What a repeat or a first receipt of an id finds.
#[derive(Debug, PartialEq)]
pub enum Begun {
    /// Never seen: it is written down now, and may be done.
    Fresh,
    /// Taken before, and not answered for good yet.
    Running,
    /// Answered before; kept without `result` if that was long.
    Answered(Box<CommandAck>),
    /// Issued before the oldest that is remembered: it may have been done.
    Forgotten,
}

/// The commands of one folder. Everything here blocks.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    /// Whether a power cut must not undo what was written.
    is_durable: bool,
    open: Option<Connection>,
}

impl Ledger {
    /// The ledger in the file `path`; opened with the first use, and anew after trouble.
    pub(super) fn at(path: PathBuf, is_durable: bool) -> Self {
        Self { path, is_durable, open: None }
    }

    /// What is known of this id; nothing is written.
    pub(super) fn look(&mut self, id: &str, issued_at: Option<i64>) -> rusqlite::Result<Begun> {
        self.with(|db| look(db, id, issued_at))
    }

    /// What is known of this id; if nothing, it is written down. `now` is wall time in ms since 1970.
    pub(super) fn begin(&mut self, id: &str, issued_at: Option<i64>, now: i64) -> rusqlite::Result<Begun> {
        self.with(|db| {
            let transaction = db.unchecked_transaction()?;
            // After damage, all that was issued until now may have been done.
            transaction.prepare("UPDATE floor SET issued_at = ? WHERE issued_at = -1")?.execute([now])?;
            let begun = look(&transaction, id, issued_at)?;
            if begun == Begun::Fresh {
                transaction
                    .prepare("INSERT INTO command (name, issued_at, at) VALUES (?, ?, ?)")?
                    .execute(params![id, issued_at, now])?;
                prune(&transaction, now)?;
            }
            transaction.commit()?;
            Ok(begun)
        })
    }

    /// Writes the final answer down.
    pub(super) fn finish(&mut self, ack: &CommandAck) -> rusqlite::Result<()> {
        let mut text = serde_json::to_string(ack).unwrap_or_default();
        if text.len() > LONGEST_ANSWER {
            let short = CommandAck { result: None, ..ack.clone() };
            text = serde_json::to_string(&short).unwrap_or_default();
        }
        self.with(|db| {
            db.prepare("UPDATE command SET answer = ?2 WHERE name = ?1")?
                .execute(params![ack.command_id, text])
                .map(drop)
        })
    }

    /// The ids that were taken and never answered.
    pub(super) fn unanswered(&mut self) -> rusqlite::Result<Vec<String>> {
        self.with(|db| {
            db.prepare("SELECT name FROM command WHERE answer IS NULL ORDER BY id")?
                .query_map((), |row| row.get(0))?
                .collect()
        })
    }

    /// How many are remembered.
    #[cfg(test)]
    fn count(&mut self) -> i64 {
        self.with(|db| db.query_row("SELECT count(*) FROM command", (), |row| row.get(0))).unwrap()
    }

    fn with<T>(&mut self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        if let Some(db) = &self.open {
            match work(db) {
                Ok(value) => return Ok(value),
                // Opened anew below: the file may be damaged, or the card was away.
                Err(_) => self.open = None,
            }
        }
        let opened =
            if has_lost_its_head(&self.path) { Err(damaged()) } else { open(&self.path, self.is_durable) };
        let db = match opened {
            Err(error) if is_damage(&error) => {
                set_aside(&self.path);
                let db = open(&self.path, self.is_durable)?;
                // In force with the next command: by then the time is known, if only from the server.
                db.execute_batch("UPDATE floor SET issued_at = -1")?;
                db
            }
            other => other?,
        };
        let value = work(&db)?;
        self.open = Some(db);
        Ok(value)
    }
}

fn look(db: &Connection, id: &str, issued_at: Option<i64>) -> rusqlite::Result<Begun> {
    let found: Option<Option<String>> = db
        .prepare("SELECT answer FROM command WHERE name = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    match found {
        Some(Some(answer)) => {
            // What cannot be read was answered all the same: never again.
            Ok(serde_json::from_str(&answer).map_or(Begun::Forgotten, |ack| Begun::Answered(Box::new(ack))))
        }
        Some(None) => Ok(Begun::Running),
        None => {
            let floor: i64 = db.prepare("SELECT issued_at FROM floor")?.query_row((), |row| row.get(0))?;
            Ok(if issued_at.is_some_and(|at| at <= floor) { Begun::Forgotten } else { Begun::Fresh })
        }
    }
}

/// Forgets the oldest, and remembers when the youngest of them was issued: one issued before is not taken any more.
fn prune(db: &Connection, now: i64) -> rusqlite::Result<()> {
    let last = db.last_insert_rowid();
    let old = "id <= ?1 OR (at < ?2 AND answer IS NOT NULL)";
    let bounds = params![last - MOST, now - OLDEST_MS];
    db.prepare(&format!(
        "UPDATE floor SET issued_at = max(issued_at, coalesce((SELECT max(issued_at) FROM command WHERE {old}), 0))"
    ))?
    .execute(bounds)?;
    db.prepare(&format!("DELETE FROM command WHERE {old}"))?.execute(bounds)?;
    Ok(())
}

fn open(path: &Path, is_durable: bool) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let synchronous = if is_durable { "FULL" } else { "OFF" };
    db.execute_batch(&format!(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-128; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;
         PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA wal_autocheckpoint=64;
         CREATE TABLE IF NOT EXISTS command
             (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, issued_at INTEGER, at INTEGER NOT NULL, answer TEXT);
         CREATE INDEX IF NOT EXISTS command_by_time ON command (at);
         CREATE TABLE IF NOT EXISTS floor (one INTEGER PRIMARY KEY CHECK (one = 1), issued_at INTEGER NOT NULL);
         INSERT OR IGNORE INTO floor VALUES (1, 0)"
    ))?;
    let verdict: String = db.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if verdict == "ok" { Ok(db) } else { Err(damaged()) }
}

/// A log whose database is empty or gone: SQLite would throw it away, and with it what was done.
fn has_lost_its_head(path: &Path) -> bool {
    let is_empty = |path: &Path| fs::metadata(path).map_or(true, |file| file.len() == 0);
    is_empty(path) && !is_empty(&beside(path, "-wal"))
}

fn damaged() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | Unknown))
}

/// The damaged file stays beside its successor, one generation of it.
fn set_aside(path: &Path) {
    for suffix in ["", "-wal"] {
        match fs::rename(beside(path, suffix), beside(path, &format!(".damaged{suffix}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{} cannot be set aside: {error}", path.display());
            }
            _ => {}
        }
    }
    tracing::warn!("{} is damaged: set aside, a new one begins", path.display());
}

/// The file whose name goes on with `suffix`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use ems_protocol::{CommandStatus, Timestamp};

    use super::*;

    fn answer(id: &str) -> CommandAck {
        CommandAck {
            command_id: id.to_owned(),
            device_id: "ems_001".parse().unwrap(),
            timestamp: Timestamp::from_millis(5),
            status: CommandStatus::Succeeded,
            reason_code: None,
            reason: None,
            result: None,
        }
    }

    #[test]
    fn a_repeated_id_finds_the_recorded_answer_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Ledger::at(dir.path().join("commands.db"), true);
        let mut ledger = open();
        assert_eq!(ledger.begin("a", Some(1), 1).unwrap(), Begun::Fresh);
        assert_eq!(ledger.begin("a", Some(1), 2).unwrap(), Begun::Running);
        drop(ledger);
        let mut ledger = open();
        assert_eq!(ledger.unanswered().unwrap(), ["a"]);
        ledger.finish(&answer("a")).unwrap();
        drop(ledger);
        assert_eq!(open().begin("a", Some(1), 3).unwrap(), Begun::Answered(Box::new(answer("a"))));
    }

    #[test]
    fn after_100_000_ids_the_file_is_bounded_and_a_forgotten_one_is_not_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("commands.db");
        let mut ledger = Ledger::at(path.clone(), false);
        for number in 1..=100_000 {
            let id = format!("command-{number:032}");
            assert_eq!(ledger.begin(&id, Some(number), number).unwrap(), Begun::Fresh);
            ledger.finish(&answer(&id)).unwrap();
        }
        assert_eq!(ledger.count(), MOST);
        assert!(fs::metadata(&path).unwrap().len() < 8 << 20);
        assert_eq!(
            ledger.begin(&format!("command-{:032}", 17), Some(17), 100_001).unwrap(),
            Begun::Forgotten
        );
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_what_it_may_have_known_is_not_done_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("commands.db");
        fs::write(&path, [7; 8192]).unwrap();
        assert_eq!(Ledger::at(path.clone(), true).unanswered().unwrap(), [""; 0]);
        let mut ledger = Ledger::at(path, true);
        assert_eq!(ledger.begin("perhaps done", Some(4), 5).unwrap(), Begun::Forgotten);
        assert_eq!(ledger.begin("of a server without times", None, 6).unwrap(), Begun::Fresh);
        assert_eq!(ledger.begin("new", Some(6), 7).unwrap(), Begun::Fresh);
        assert!(dir.path().join("commands.db.damaged").exists());
    }

    #[test]
    fn a_week_is_remembered_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::at(dir.path().join("commands.db"), false);
        ledger.begin("old", Some(1), 1).unwrap();
        ledger.finish(&answer("old")).unwrap();
        ledger.begin("new", Some(OLDEST_MS + 2), OLDEST_MS + 2).unwrap();
        assert_eq!(ledger.count(), 1);
        assert_eq!(ledger.begin("old", Some(1), OLDEST_MS + 3).unwrap(), Begun::Forgotten);
    }
}
