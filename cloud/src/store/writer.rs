//! The thread that writes: many requests, one commit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::Receiver;

use super::answers::{Answer, Done, Finish, Room, Teller};
use super::health::Health;
use super::log::Log;
use super::pace::Pace;
use super::seen::Seen;
use super::{Arrival, StoreError, Stored, samples, schema};
use crate::metrics::Metrics;

/// Samples in one transaction.
const BATCH_SAMPLES: usize = 10_000;

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
    log: Log,
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
        let unavailable =
            |error: std::io::Error| StoreError::Unavailable { reason: error.to_string(), reopen: false };
        let connection = schema::open(path)?;
        let writer = Self {
            path: path.to_owned(),
            queue,
            metrics,
            health,
            seen: Seen::default(),
            teller,
            connection: Some(connection),
            pace: Pace::default(),
            log: Log::start(path).map_err(unavailable)?,
        };
        thread::Builder::new().name("store".into()).spawn(move || writer.run()).map_err(unavailable)
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
        if let Some(connection) = &self.connection {
            self.log.look_after(connection);
        }
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
