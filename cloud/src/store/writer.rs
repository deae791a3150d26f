//! The thread that writes: many requests, one commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::Receiver;
use tracing::warn;

use super::answers::{Answer, Done, Finish, Room, Teller};
use super::health::Health;
use super::pace::Pace;
use super::seen::Seen;
use super::{Arrival, StoreError, Stored, samples, schema};
use crate::metrics::Metrics;

/// Samples in one transaction.
const BATCH_SAMPLES: usize = 10_000;
/// SQLite starts its log over when nobody reads from it. Readers that follow each other without a pause prevent that:
/// beyond this size the writer waits for those of the moment.
const LOG_BYTES: u64 = 16 << 20;
/// How long it waits, and how long it lets the log grow after it waited in vain.
const LOG_PATIENCE: Duration = Duration::from_secs(1);
const LOG_RETRY: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce(&Connection) -> Worked + Send>;

/// What is left to do after the commit.
pub(super) struct Worked {
    /// Why the work failed. What it did is undone; the rest of the transaction goes on, unless the disk is to blame.
    pub(super) failure: Option<StoreError>,
    /// Answers the one who asked.
    pub(super) finish: Finish,
}

/// What can be asked of the writer.
pub(super) enum Request {
    Samples { arrival: Arrival, done: Done, room: Room },
    Work(Work),
    Stop,
}

impl Request {
    /// Answers a request that will not be served. Work that has not begun is dropped, which its caller notices.
    pub(super) fn refuse(self, error: &StoreError) {
        if let Self::Samples { done, .. } = self {
            done(Err(error.clone()));
        }
    }

    fn samples(&self) -> usize {
        match self {
            Self::Samples { arrival, .. } => arrival.samples.len(),
            _ => 1,
        }
    }
}

pub(super) struct Writer {
    path: PathBuf,
    queue: Receiver<Request>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    seen: Seen,
    teller: Teller,
    // None after trouble that puts the connection in doubt.
    connection: Option<Connection>,
    pace: Pace,
    log_kept: Option<Instant>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn start(
        path: &Path,
        queue: Receiver<Request>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        teller: Teller,
    ) -> Result<JoinHandle<()>, StoreError> {
        let writer = Self {
            path: path.to_owned(),
            queue,
            metrics,
            health,
            seen: Seen::default(),
            teller,
            connection: Some(schema::open(path)?),
            pace: Pace::default(),
            log_kept: None,
        };
        thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Unavailable { reason: error.to_string(), reopen: false })
    }

    fn run(mut self) {
        let mut stopping = false;
        while !stopping {
            let Some(first) = self.queue.blocking_recv() else { break };
            let mut batch = Batch::default();
            stopping = self.gather(first, &mut batch);
            self.pace.begin(batch.requests.len());
            self.serve(batch.requests);
        }
        // Whatever was queued before the stop is served; later requests are refused by the closed queue.
        self.queue.close();
        let mut rest = Vec::new();
        while let Ok(request) = self.queue.try_recv() {
            rest.push(request);
        }
        self.serve(rest);
    }

    /// Takes what is queued after `first`; true when that includes the order to stop.
    fn gather(&mut self, first: Request, batch: &mut Batch) -> bool {
        let mut next = Some(first);
        let mut waited = false;
        loop {
            while let Some(request) = next.take() {
                if matches!(request, Request::Stop) {
                    return true;
                }
                batch.add(request);
                if batch.samples < BATCH_SAMPLES {
                    next = self.queue.try_recv().ok();
                }
            }
            let may_wait = !waited && !batch.urgent && batch.samples < BATCH_SAMPLES;
            let Some(pause) = self.pace.pause(batch.requests.len()).filter(|_| may_wait) else {
                return false;
            };
            thread::sleep(pause);
            waited = true;
            next = self.queue.try_recv().ok();
        }
    }

    fn serve(&mut self, batch: Vec<Request>) {
        if batch.is_empty() {
            return;
        }
        let start = Instant::now();
        let mut answers = Vec::with_capacity(batch.len());
        let committed = self.transact(batch, &mut answers);
        self.pace.end(start.elapsed());
        self.health.note(&committed);
        self.metrics.committed(start.elapsed(), committed.is_ok());
        if let Err(error) = &committed {
            // What it remembers was rolled back.
            self.seen.clear();
            if matches!(error, StoreError::Unavailable { reopen: true, .. }) {
                self.connection = None;
            }
        }
        self.teller.tell(committed, answers);
        self.shorten_log();
    }

    fn shorten_log(&mut self) {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let long = fs::metadata(&log).is_ok_and(|log| log.len() > LOG_BYTES);
        let patient = self.log_kept.is_some_and(|at| at.elapsed() < LOG_RETRY);
        let Some(connection) = self.connection.as_ref().filter(|_| long && !patient) else { return };
        self.log_kept = match start_log_over(connection) {
            Ok(true) => None,
            Ok(false) => Some(Instant::now()),
            Err(error) => {
                warn!(%error, "the database's write-ahead log cannot be shortened");
                Some(Instant::now())
            }
        };
    }

    fn transact(&mut self, batch: Vec<Request>, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
        let mut requests = batch.into_iter();
        let result = self.try_transact(&mut requests, answers);
        if let Err(error) = &result {
            // Those after the one that failed were not begun.
            for request in requests {
                request.refuse(error);
            }
        }
        result
    }

    fn try_transact(
        &mut self,
        requests: &mut std::vec::IntoIter<Request>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), StoreError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(schema::open(&self.path)?),
        };
        let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for request in requests {
            match request {
                Request::Samples { arrival, done, room } => {
                    let stored = store(&transaction, &mut self.seen, &arrival);
                    let failure = stored.as_ref().err().map(StoreError::from);
                    let stored = stored.unwrap_or_default();
                    answers.push(Answer::Samples { done, stored, room });
                    if let Some(failure) = failure {
                        return Err(failure);
                    }
                }
                Request::Work(work) => {
                    let savepoint = transaction.savepoint()?;
                    let Worked { failure, finish } = work(&savepoint);
                    answers.push(Answer::Work(finish));
                    match failure {
                        None => savepoint.commit()?,
                        Some(error @ StoreError::Unavailable { .. }) => return Err(error),
                        // Dropped without commit, a savepoint is rolled back.
                        Some(_) => drop(savepoint),
                    }
                }
                Request::Stop => {}
            }
        }
        self.seen.flush(&transaction)?;
        transaction.commit()?;
        Ok(())
    }
}

/// What one commit is of.
#[derive(Default)]
struct Batch {
    requests: Vec<Request>,
    samples: usize,
    /// Whether there is something other than samples: its caller does one thing after the other.
    urgent: bool,
}

impl Batch {
    fn add(&mut self, request: Request) {
        self.samples += request.samples();
        self.urgent |= matches!(request, Request::Work(_));
        self.requests.push(request);
    }
}

/// Moves the log into the database and empties it; false when readers did not end in time.
fn start_log_over(db: &Connection) -> rusqlite::Result<bool> {
    db.busy_timeout(LOG_PATIENCE)?;
    let busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    db.busy_timeout(schema::BUSY)?;
    Ok(!busy?)
}

fn store(db: &Connection, seen: &mut Seen, arrival: &Arrival) -> rusqlite::Result<Stored> {
    let mut stored = Stored::default();
    for (place, sample) in arrival.samples.iter().enumerate() {
        if samples::insert(db, seen, arrival.device, arrival.received_at, sample)? {
            stored.new += 1;
            let at = samples::at(sample, arrival.received_at);
            stored.span = Some(stored.span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        } else {
            stored.duplicates.push(place);
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::store::Store;

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
            let message = "x".repeat(500_000);
            let insert = "INSERT INTO events (device, at, received_at, severity, code, message) VALUES (1, 0, 0, 0, 'A', ?)";
            store.write(move |db| db.execute(insert, [message])).await.unwrap();
            longest = longest.max(fs::metadata(dir.path().join("ems.db-wal")).unwrap().len());
        }
        stop.store(true, Ordering::Relaxed);
        readers.join().unwrap();
        assert!(longest < 2 * LOG_BYTES, "{longest} bytes");
    }
}
