//! A few connections that only read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{StoreError, schema};
use crate::sync::Locked;

/// Queries at once; the others wait.
const CONNECTIONS: usize = 4;

#[derive(Clone)]
pub(super) struct Readers(Arc<Pool>);

struct Pool {
    path: PathBuf,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self(Arc::new(Pool {
            path: path.to_owned(),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Mutex::new(Vec::with_capacity(CONNECTIONS)),
        }))
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.0.turns.clone().acquire_owned().await.map_err(|_| StoreError::Stopped)?;
        let (pool, asked) = (self.0.clone(), Asked::default());
        let running = asked.0.clone();
        let reading = spawn_blocking(move || {
            // Until the query has really ended.
            let _turn = turn;
            let idle = pool.idle.locked().pop();
            let connection = idle.map_or_else(|| schema::open_reader(&pool.path), Ok)?;
            if !running.locked().begin(&connection) {
                return Err(StoreError::Stopped);
            }
            let result = interruptible(&connection, query).map_err(StoreError::from);
            running.locked().query = None;
            // After trouble with the file the next query opens it anew.
            if result.is_ok() {
                pool.idle.locked().push(connection);
            }
            result
        });
        let result = reading.await.unwrap_or(Err(StoreError::Stopped));
        drop(asked);
        result
    }
}

/// SQLite forgets an interruption when no statement is active, and long queries are made of many short ones: this keeps
/// one active.
fn interruptible<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let mut hold = connection.prepare_cached("VALUES (1), (2)")?;
    let mut rows = hold.query([])?;
    rows.next()?;
    query(connection)
}

/// Dropped by one who does not wait for the answer any more: the query ends, so that others have its turn.
#[derive(Default)]
struct Asked(Arc<Mutex<Running>>);

#[derive(Default)]
struct Running {
    query: Option<InterruptHandle>,
    abandoned: bool,
}

impl Running {
    /// False when nobody waits any more.
    fn begin(&mut self, connection: &Connection) -> bool {
        self.query = Some(connection.get_interrupt_handle());
        !self.abandoned
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut running = self.0.locked();
        running.abandoned = true;
        if let Some(query) = &running.query {
            query.interrupt();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_query_that_nobody_waits_for_any_more_gives_its_turn_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ems.db");
        schema::open(&path).unwrap();
        let readers = Readers::new(&path);
        let endless = |db: &Connection| -> rusqlite::Result<()> {
            loop {
                db.prepare_cached("SELECT count(*) FROM devices")?
                    .query_row([], |row| row.get::<_, i64>(0))?;
            }
        };
        for _ in 0..2 * CONNECTIONS {
            timeout(Duration::from_millis(50), readers.read(endless)).await.unwrap_err();
        }
        let answer = readers.read(|db| db.query_row("SELECT count(*) FROM devices", [], |row| row.get(0)));
        let count: i64 = timeout(Duration::from_secs(60), answer).await.unwrap().unwrap();
        assert_eq!(count, 0);
    }
}
