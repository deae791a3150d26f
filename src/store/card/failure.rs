//! What can go wrong with the database, sorted by what is done about it.

use std::io;

use rusqlite::ErrorCode;

/// Why an operation on the card failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The file system does not let us: tried again with the next write.
    #[error("{0}")]
    Unusable(String),
    /// No room. What is stored stays readable.
    #[error("the disk is full: free some space (df -h), or set STATE_DIR to another disk")]
    Full,
    /// The database is damaged: it is healed, and the caller hears of it only if that fails too.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The value is longer than a record holds.
    #[error("{0} bytes are too many for one record of the store")]
    TooLong(usize),
}

impl From<rusqlite::Error> for CardError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::Unusable(
                "it is read-only: check the card (dmesg) and mount it writable, or set STATE_DIR".to_owned(),
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Unusable("another program holds the database: end it".to_owned())
            }
            Some(ErrorCode::SystemIoFailure) => Self::Unusable(format!(
                "the card cannot be read or written ({error}): it may be failing (dmesg), replace it"
            )),
            // A statement that no longer fits its table: somebody else's schema.
            Some(ErrorCode::Unknown | ErrorCode::SchemaChanged | ErrorCode::TypeMismatch) | None => {
                Self::Damaged(error.to_string())
            }
            Some(_) => Self::Unusable(error.to_string()),
        }
    }
}

impl From<io::Error> for CardError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied => Self::Unusable(format!(
                "{error}: make the folder and what is in it belong to the daemon's user, or set STATE_DIR"
            )),
            io::ErrorKind::ReadOnlyFilesystem => Self::Unusable(format!(
                "{error}: check the card (dmesg) and mount it writable, or set STATE_DIR"
            )),
            _ => Self::Unusable(error.to_string()),
        }
    }
}

impl From<super::super::record::TooLong> for CardError {
    fn from(error: super::super::record::TooLong) -> Self {
        Self::TooLong(error.0)
    }
}
