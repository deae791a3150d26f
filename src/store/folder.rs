//! The daemon's folders, each with a place of its own for this identity, and the lock that makes it the only owner.
//!
//! The place is named after the device, so that a changed `DEVICE_ID` never sends another device's samples.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use ems_protocol::DeviceId;

/// The folder of this identity below `STATE_DIR`, locked while this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The kernel lets go of the lock when the file is closed, however the process ends.
    _lock: File,
}

/// Why the folder could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process runs with this identity.
    #[error(
        "another ems-edge already runs as {device_id} (it holds {}): stop it first (systemctl stop ems-edge), or set another STATE_DIR",
        lock.display()
    )]
    InUse {
        /// The identity.
        device_id: DeviceId,
        /// The lock file.
        lock: PathBuf,
    },
    /// It cannot be made or written.
    #[error("cannot use the folder {}: {source}: make it writable for this user or set {key}", path.display())]
    Unusable {
        /// The folder or the file in it.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Folder {
    /// Makes `state_dir/device_id` if need be and locks it.
    pub fn claim(state_dir: &Path, device_id: &DeviceId) -> Result<Self, FolderError> {
        let path = make(state_dir, device_id, "STATE_DIR")?;
        let lock = path.join("lock");
        let unusable = |source| FolderError::Unusable { path: lock.clone(), key: "STATE_DIR", source };
        let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _lock: file }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse { device_id: device_id.clone(), lock }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes `parent/device_id` if need be; `key` is the setting that names `parent`.
pub fn make(parent: &Path, device_id: &DeviceId, key: &'static str) -> Result<PathBuf, FolderError> {
    let path = parent.join(device_id.as_str());
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(FolderError::Unusable { path, key, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_owns_an_identity_and_another_identity_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = ("ems_001".parse().unwrap(), "ems_002".parse().unwrap());
        let first = Folder::claim(dir.path(), &a).unwrap();
        let error = Folder::claim(dir.path(), &a).unwrap_err();
        assert!(error.to_string().contains("already runs as ems_001"), "{error}");
        Folder::claim(dir.path(), &b).unwrap();
        drop(first);
        Folder::claim(dir.path(), &a).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_its_key() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let error = Folder::claim(&dir.path().join("file"), &"ems_001".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("STATE_DIR"), "{error}");
    }
}
