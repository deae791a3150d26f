//! Locks of plain data.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a panic elsewhere does not close: the data behind our locks is never left half changed.
pub(crate) trait Locked<T> {
    fn locked(&self) -> MutexGuard<'_, T>;
}

impl<T> Locked<T> for Mutex<T> {
    fn locked(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
