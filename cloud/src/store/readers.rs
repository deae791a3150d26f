//! A few connections that only read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
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
        let pool = self.0.clone();
        spawn_blocking(move || {
            // A query does not end when the client who asked for it hangs up.
            let _turn = turn;
            let idle = pool.idle.locked().pop();
            let connection = idle.map_or_else(|| schema::open_reader(&pool.path), Ok)?;
            let result = query(&connection).map_err(StoreError::from);
            // After trouble with the file the next query opens it anew.
            if result.is_ok() {
                pool.idle.locked().push(connection);
            }
            result
        })
        .await
        .unwrap_or(Err(StoreError::Stopped))
    }
}
