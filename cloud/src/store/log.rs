//! How the write-ahead log gets into the database, so that no acknowledgement waits for it.
//!
//! A thread of its own copies nearly all of the log while the writer goes on; the writer copies what it has added
//! meanwhile, between two commits. Then all of the log is in the database, and SQLite starts it over with the next commit
//! unless somebody reads from it. What an acknowledgement promises is in the log before and in the database afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tracing::warn;

use super::schema;
use crate::sync::Locked;

/// Pages of the log after which it is copied: 12 MB. A page that thousands of devices share changes with each commit: it
/// is copied once in so many, and is not read again meanwhile.
const LONG: u32 = 3000;
/// What the writer copies itself, in pages.
const LITTLE: u32 = 1000;
/// How often the thread follows a writer that adds more than a little meanwhile.
const ROUNDS: usize = 4;
/// Readers that follow each other without a pause keep SQLite from starting the log over: beyond this size the writer
/// waits for those of the moment.
const MAX_BYTES: u64 = 32 << 20;
/// How long it waits, and how long it lets the log grow after it waited in vain.
const PATIENCE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(10);
/// What did not succeed is not tried again with each commit.
const PAUSE: Duration = Duration::from_millis(250);

/// The writer's part.
pub(super) struct Log {
    file: PathBuf,
    /// One waits at most: the thread looks at all there is. None when it is told to end.
    long: Option<SyncSender<()>>,
    /// Held while the log is copied: SQLite would turn away a second one at once.
    turn: Arc<Mutex<()>>,
    thread: Option<JoinHandle<()>>,
    tried: Option<Instant>,
    kept: Option<Instant>,
}

/// Pages of the log.
struct Pages {
    all: u32,
    copied: u32,
}

impl Log {
    /// Starts the thread that copies the log of the database at `path`.
    pub(super) fn start(path: &Path) -> std::io::Result<Self> {
        let mut file = path.to_owned().into_os_string();
        file.push("-wal");
        let (long, asked) = sync_channel(1);
        let turn = Arc::new(Mutex::new(()));
        let copier = Copier { path: path.to_owned(), turn: turn.clone(), connection: None, failed: false };
        let thread = thread::Builder::new().name("store-log".into()).spawn(move || copier.run(&asked))?;
        let (long, thread) = (Some(long), Some(thread));
        Ok(Self { file: file.into(), long, turn, thread, tried: None, kept: None })
    }

    /// Looks after the log; called by the writer after each commit, with its connection.
    pub(super) fn look_after(&mut self, db: &Connection) {
        if let Err(error) = self.try_look_after(db) {
            warn!(%error, "the database's write-ahead log cannot be shortened");
            (self.tried, self.kept) = (Some(Instant::now()), Some(Instant::now()));
        }
    }

    fn try_look_after(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let within = |since: Option<Instant>, pause| since.is_some_and(|since| since.elapsed() < pause);
        if fs::metadata(&self.file).is_ok_and(|log| log.len() > MAX_BYTES) && !within(self.kept, RETRY) {
            let _turn = self.turn.locked();
            self.kept = if start_over(db)? { None } else { Some(Instant::now()) };
            return Ok(());
        }
        if within(self.tried, PAUSE) {
            return Ok(());
        }
        let pages = checkpoint(db, "NOOP")?;
        let left = pages.left();
        if left >= LONG {
            self.tried = Some(Instant::now());
            // Full: it is asked already. Closed: it has panicked, which the panic hook has reported.
            let _ = self.long.as_ref().map(|long| long.try_send(()));
        } else if pages.all >= LONG && left <= LITTLE {
            // Busy: the thread is copying still.
            let turn = self.turn.try_lock();
            if !matches!(turn, Err(TryLockError::WouldBlock)) {
                self.tried = Some(Instant::now());
                checkpoint(db, "PASSIVE")?;
            }
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.long = None;
        // A panic of it has been reported by the panic hook.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread.
struct Copier {
    path: PathBuf,
    turn: Arc<Mutex<()>>,
    // None after trouble.
    connection: Option<Connection>,
    /// So that a trouble that lasts is told once.
    failed: bool,
}

impl Copier {
    fn run(mut self, asked: &Receiver<()>) {
        while asked.recv().is_ok() {
            let copied = self.copy();
            if let (Err(error), false) = (&copied, self.failed) {
                warn!(%error, "the database's write-ahead log cannot be copied into the database");
            }
            self.failed = copied.is_err();
            if self.failed {
                self.connection = None;
            }
        }
    }

    fn copy(&mut self) -> rusqlite::Result<()> {
        let db = match &mut self.connection {
            Some(db) => db,
            none => none.insert(schema::open_plain(&self.path)?),
        };
        for _ in 0..ROUNDS {
            {
                let _turn = self.turn.locked();
                checkpoint(db, "PASSIVE")?;
            }
            if checkpoint(db, "NOOP")?.left() <= LITTLE {
                break;
            }
        }
        Ok(())
    }
}

impl Pages {
    fn left(&self) -> u32 {
        self.all.saturating_sub(self.copied)
    }
}

/// Copies what no reader needs to be as it was; `NOOP` only counts.
fn checkpoint(db: &Connection, mode: &str) -> rusqlite::Result<Pages> {
    // -1 without a log.
    db.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?.query_row([], |row| {
        let pages = |column| row.get::<_, i64>(column).map(|count| u32::try_from(count).unwrap_or(0));
        Ok(Pages { all: pages(1)?, copied: pages(2)? })
    })
}

/// Copies all of the log and empties it; false when readers did not end in time.
fn start_over(db: &Connection) -> rusqlite::Result<bool> {
    db.busy_timeout(PATIENCE)?;
    let busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    db.busy_timeout(schema::BUSY)?;
    Ok(!busy?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::store::Store;

    const INSERT: &str =
        "INSERT INTO events (device, at, received_at, severity, code, message) VALUES (1, 0, 0, 0, 'A', ?)";

    /// So many bytes in one commit.
    fn write(db: &Connection, bytes: usize) {
        db.execute(INSERT, ["x".repeat(bytes)]).unwrap();
    }

    fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !condition() {
            assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_long_log_is_copied_beside_the_writer_and_started_over_with_its_next_commit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ems.db");
        let db = schema::open(&path).unwrap();
        let mut log = Log::start(&path).unwrap();
        write(&db, 4096 * LONG as usize);
        let long = checkpoint(&db, "NOOP").unwrap();
        assert!(long.all >= LONG && long.copied == 0, "a commit copies nothing");
        log.look_after(&db);
        eventually("the thread copies all there is", || checkpoint(&db, "NOOP").unwrap().left() == 0);
        // What is committed meanwhile is the writer's to copy.
        write(&db, 4096 * 10);
        assert!(checkpoint(&db, "NOOP").unwrap().all < LONG, "started over at once");
        write(&db, 4096 * LONG as usize);
        log.tried = None;
        log.look_after(&db);
        let reader = schema::open_reader(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
        eventually("the thread copies all there is", || checkpoint(&db, "NOOP").unwrap().left() == 0);
        write(&db, 4096 * 10);
        assert!(checkpoint(&db, "NOOP").unwrap().left() > 0, "somebody reads what was before");
        reader.execute_batch("COMMIT").unwrap();
        eventually("the writer copies the rest", || {
            log.tried = None;
            log.look_after(&db);
            checkpoint(&db, "NOOP").unwrap().left() == 0
        });
        write(&db, 10);
        assert!(checkpoint(&db, "NOOP").unwrap().all < LONG, "started over");
    }

    #[tokio::test]
    async fn readers_that_follow_each_other_without_a_pause_do_not_let_the_log_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ems.db");
        let store = Store::open(&path, Arc::default()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let readers = thread::spawn({
            let (path, stop) = (path.clone(), stop.clone());
            move || {
                let connections = [(); 2].map(|()| schema::open_reader(&path).unwrap());
                let begin = "BEGIN; SELECT count(*) FROM events";
                let [mut old, mut new] = connections.each_ref();
                old.execute_batch(begin).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    new.execute_batch(begin).unwrap();
                    old.execute_batch("COMMIT").unwrap();
                    thread::sleep(Duration::from_millis(5));
                    (old, new) = (new, old);
                }
            }
        });
        let mut longest = 0;
        for _ in 0..120 {
            let message = "x".repeat(1_000_000);
            store.write(move |db| db.execute(INSERT, [message])).await.unwrap();
            longest = longest.max(fs::metadata(dir.path().join("ems.db-wal")).unwrap().len());
        }
        stop.store(true, Ordering::Relaxed);
        readers.join().unwrap();
        assert!(longest < 2 * MAX_BYTES, "{longest} bytes");
    }
}
