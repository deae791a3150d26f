//! The daemon's folders, each with a place of its own for this identity, and the lock that makes it the only owner.
//!
//! The place is named after the device, so that a changed `DEVICE_ID` never sends another device's samples.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use ems_protocol::DeviceId;

/// The folder of this identity below `STATE_DIR`, this process's own while this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    /// Nobody yet: the file system did not let us, or was not asked.
    Nobody(PathBuf, DeviceId),
    /// This process. The kernel lets go of the lock when the file is closed, however the process ends.
    Process { _lock: File },
    /// The caller, by other means.
    Caller,
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
    #[error("cannot use the folder {}: {source}: {} or set {key}", path.display(), remedy(source))]
    Unusable {
        /// The folder or the file in it.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "free some space (df -h)",
        io::ErrorKind::ReadOnlyFilesystem => "check the card (dmesg), mount it writable",
        _ => "make it writable for this user",
    }
}

impl Folder {
    /// The folder `state_dir/device_id`, which nobody owns before [`Self::hold`].
    pub fn of(state_dir: &Path, device_id: &DeviceId) -> Self {
        let path = state_dir.join(device_id.as_str());
        Self { path, owner: Owner::Nobody(state_dir.to_owned(), device_id.clone()) }
    }

    /// Makes it if need be and locks it, unless it is held already.
    pub fn hold(&mut self) -> Result<(), FolderError> {
        let Owner::Nobody(state_dir, device_id) = &self.owner else { return Ok(()) };
        let lock = make(state_dir, device_id, "STATE_DIR")?.join("lock");
        let unusable = |source| FolderError::Unusable { path: lock.clone(), key: "STATE_DIR", source };
        let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => self.owner = Owner::Process { _lock: file },
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::InUse { device_id: device_id.clone(), lock });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A folder that is there and that the caller owns by other means.
impl From<&Path> for Folder {
    fn from(path: &Path) -> Self {
        Self { path: path.to_owned(), owner: Owner::Caller }
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
        let held = |id| {
            let mut folder = Folder::of(dir.path(), id);
            folder.hold().map(|()| folder)
        };
        let first = held(&a).unwrap();
        let error = held(&a).unwrap_err();
        assert!(error.to_string().contains("already runs as ems_001"), "{error}");
        held(&b).unwrap();
        drop(first);
        held(&a).unwrap().hold().unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_its_key_and_can_be_held_later() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::write(&state, "").unwrap();
        let mut folder = Folder::of(&state, &"ems_001".parse().unwrap());
        let error = folder.hold().unwrap_err();
        assert!(error.to_string().contains("STATE_DIR"), "{error}");
        fs::remove_file(&state).unwrap();
        folder.hold().unwrap();
    }
}
