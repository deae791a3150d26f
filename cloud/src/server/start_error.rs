//! What keeps a server from starting.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use rustix::fs::statvfs;

use crate::store::StoreError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be had.
    #[error("cannot listen on {address}: {error}{}", remedy(error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// Cleartext beyond this machine.
    #[error("{0} is no loopback address: without TLS only 127.0.0.1 and ::1 are served; use --listen")]
    NotLoopback(SocketAddr),
    /// A file of the data folder is missing or broken.
    #[error("{file}: {reason}")]
    Data {
        /// The file.
        file: String,
        /// What is wrong, and what helps.
        reason: String,
    },
    /// Another server runs on the same folder.
    #[error("{folder}: another ems-cloud serve uses this data folder: stop it, or name another with --data")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The database cannot be opened.
    #[error(
        "{file}: {error}; it has to be a whole database that this user may write: see to that, or restore a backup"
    )]
    Database {
        /// The file.
        file: String,
        /// Why.
        error: StoreError,
    },
    /// It has no room to be opened in.
    #[error("{folder}: its disk is full, so nothing can be stored: make room")]
    Full {
        /// The folder.
        folder: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No password hashes on this machine.
    #[error(transparent)]
    Password(#[from] crate::auth::password::PasswordError),
}

impl StartError {
    /// Whether the same attempt may succeed later: an address comes with its network, room is made.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Listen { error, .. } => {
                matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
            }
            Self::Full { .. } => true,
            _ => false,
        }
    }
}

/// SQLite calls it an I/O error, when it has no room for the memory that it shares with other processes.
pub(super) fn is_full(folder: &Path) -> bool {
    const SHARED: u64 = 64 * 1024;
    statvfs(folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < SHARED)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there: stop it or choose another port",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have the address: choose one that it has",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are for root: choose another one",
        _ => "",
    }
}
