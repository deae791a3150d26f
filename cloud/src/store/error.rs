//! What can go wrong in the store.

use rusqlite::ErrorCode;

/// The store did not do what it was asked to, and nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk or the file does not cooperate; the same request may succeed later.
    #[error("the database cannot be used: {reason}")]
    Unavailable {
        /// SQLite's words.
        reason: String,
        /// Whether the connection should be opened anew before the next attempt.
        reopen: bool,
    },
    /// The database is well but does not take this request: a fault of this program.
    #[error("the database did not take the request: {reason}")]
    Rejected {
        /// SQLite's words.
        reason: String,
    },
    /// The file was written by a later version.
    #[error(
        "the database has version {found}, newer than this program knows ({newest}): install the later ems-cloud"
    )]
    TooNew {
        /// The file's version.
        found: usize,
        /// The newest that this program knows.
        newest: usize,
    },
    /// The server stops.
    #[error("the server is stopping")]
    Stopped,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&rusqlite::Error> for StoreError {
    fn from(error: &rusqlite::Error) -> Self {
        let reason = error.to_string();
        match error.sqlite_error_code() {
            // A full or busy disk leaves a connection usable; after the next ones its view of the file is in doubt.
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Unavailable { reason, reopen: false }
            }
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory,
            ) => Self::Unavailable { reason, reopen: true },
            _ => Self::Rejected { reason },
        }
    }
}
