//! What must outlive the process, behind a narrow interface. SQLite does the work.
//!
//! One thread writes: it takes what is queued, commits it as one transaction (`writer`), and only then tells
//! those who asked. A few connections read, off the async threads. Modules [`devices`], [`users`] and [`events`]
//! hold the statements; the command line runs them on a connection of its own while a server is running.

pub mod alarms;
mod answers;
pub mod audit;
pub mod commands;
pub mod devices;
mod error;
pub mod events;
pub mod facts;
pub mod groups;
mod health;
pub mod history;
mod log;
mod pace;
mod readers;
pub mod recent;
pub mod samples;
mod schema;
mod seen;
pub mod users;
pub mod uwb;
pub mod webhooks;
mod writer;

use std::path::Path;
use std::sync::Arc;

use ems_protocol::Telemetry;
use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub use error::StoreError;
pub use schema::open as open_connection;

use crate::metrics::Metrics;
use answers::Teller;
use health::Health;
use readers::Readers;
use writer::{Request, Writer};

/// Requests that wait for the writer.
const QUEUE: usize = 1024;
/// Samples in those requests, which bounds the memory: about 1 KiB each.
const QUEUED_SAMPLES: usize = 20_000;

/// The database of a running server. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    // Owned here, bounded by QUEUE; a full queue makes the doors stop reading their sockets.
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
    readers: Readers,
    health: Arc<Health>,
    writer: Arc<Mutex<Option<Writing>>>,
}

/// The writer's thread, and the task that gives its answers.
struct Writing {
    thread: std::thread::JoinHandle<()>,
    telling: Option<tokio::task::JoinHandle<()>>,
}

/// Samples of one device that arrived together.
pub struct Arrival {
    /// The device's key in the registry.
    pub device: i64,
    /// ms since 1970.
    pub received_at: i64,
    /// The samples, checked.
    pub samples: Vec<Telemetry>,
}

/// What became of an [`Arrival`] that is durable now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Samples that were new.
    pub new: usize,
    /// Samples that had been stored before: their places in the arrival, ascending.
    pub duplicates: Vec<usize>,
    /// The first and last place of the new ones on the time axis, ms since 1970.
    pub span: Option<(i64, i64)>,
}

impl Store {
    /// Opens the file and starts the writer.
    pub fn open(path: &Path, metrics: Arc<Metrics>) -> Result<Self, StoreError> {
        let health = Arc::new(Health::default());
        let (requests, queue) = mpsc::channel(QUEUE);
        let (teller, telling) = Teller::start();
        let thread = Writer::start(path, queue, metrics, health.clone(), teller)?;
        Ok(Self {
            requests,
            room: Arc::new(Semaphore::new(QUEUED_SAMPLES)),
            readers: Readers::new(path),
            health,
            writer: Arc::new(Mutex::new(Some(Writing { thread, telling }))),
        })
    }

    /// Queues samples, waiting for room. `done` runs once they are durable, or when they are not going to be; it must be
    /// quick.
    pub async fn write_samples(
        &self,
        arrival: Arrival,
        done: impl FnOnce(Result<Stored, StoreError>) + Send + 'static,
    ) {
        let permits = u32::try_from(arrival.samples.len().min(QUEUED_SAMPLES)).unwrap_or(u32::MAX);
        let room = self.room.clone().acquire_many_owned(permits).await.ok();
        self.enqueue(Request::Samples { arrival, done: Box::new(done), room }).await;
    }

    /// A place for samples, if there is one at once; otherwise [`Self::write_samples`] waits for it.
    pub fn place(&self, samples: usize) -> Option<Place<'_>> {
        let permits = u32::try_from(samples).ok()?;
        let room = self.room.clone().try_acquire_many_owned(permits).ok()?;
        let slot = self.requests.try_reserve().ok()?;
        Some(Place { slot, room })
    }

    /// Runs `work` in the next transaction; the answer comes when it is durable.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        let work = Box::new(move |db: &Connection| -> writer::Worked {
            let outcome = work(db).map_err(StoreError::from);
            let failure = outcome.as_ref().err().cloned();
            let finish = move |committed: Result<(), StoreError>| {
                // The caller may have gone; the work is done all the same.
                let _ = answer.send(outcome.and_then(|value| committed.map(|()| value)));
            };
            writer::Worked { failure, finish: Box::new(finish) }
        });
        self.enqueue(Request::Work(work)).await;
        result.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// Runs a query on one of the reading connections.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.read(query).await
    }

    /// Why the last write failed, if it did.
    pub fn trouble(&self) -> Option<String> {
        self.health.trouble()
    }

    /// Tries a small write, so that the end of a trouble shows without traffic.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let now = crate::clock::now().millis();
        self.write(move |db| db.execute("UPDATE registry SET probed_at = ?", [now])).await.map(|_| ())
    }

    /// Commits what is queued and closes the file.
    pub async fn stop(&self) {
        if self.requests.send(Request::Stop).await.is_err() {
            return;
        }
        if let Some(Writing { thread, telling }) = self.writer.lock().await.take() {
            // A panic of the writer has been reported by the panic hook.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
            if let Some(telling) = telling {
                let _ = telling.await;
            }
        }
    }

    async fn enqueue(&self, request: Request) {
        if let Err(mpsc::error::SendError(request)) = self.requests.send(request).await {
            request.refuse(&StoreError::Stopped);
        }
    }
}

/// A place in the writer's queue.
pub struct Place<'a> {
    slot: mpsc::Permit<'a, Request>,
    room: OwnedSemaphorePermit,
}

impl Place<'_> {
    /// As [`Store::write_samples`], for the samples that it was taken for.
    pub fn write(self, arrival: Arrival, done: impl FnOnce(Result<Stored, StoreError>) + Send + 'static) {
        self.slot.send(Request::Samples { arrival, done: Box::new(done), room: Some(self.room) });
    }
}
