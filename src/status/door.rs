//! The status socket in the file system: who may open it, and whose it is.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::unistd::Group;
use tracing::warn;

/// A listening socket that only root, the daemon's own user and the group [`GROUP`] can open; removed when dropped.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
    listener: UnixListener,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// A daemon answers there already.
    #[error("another ems-edge answers at {0}: stop it first, or set another RUNTIME_DIR")]
    Taken(PathBuf),
    /// The file system refuses.
    #[error("cannot make the socket {0}: {1}; make its folder writable for this user, or set RUNTIME_DIR")]
    Unusable(PathBuf, io::Error),
}

/// The members of this group may look.
pub const GROUP: &str = "ems-status";
/// The socket's name in this identity's folder below `RUNTIME_DIR`.
pub(super) const NAME: &str = "status.sock";
const MODE: u32 = 0o660;

impl Door {
    /// Listens in `folder`. The socket that a killed daemon left behind is replaced; one that is in use is not.
    pub fn open(folder: &Path) -> Result<Self, DoorError> {
        let path = folder.join(NAME);
        if UnixStream::connect(&path).is_ok() {
            return Err(DoorError::Taken(path));
        }
        let listener = listen(folder, &path).map_err(|error| DoorError::Unusable(path.clone(), error))?;
        Ok(Self { path, listener })
    }

    /// The socket, not blocking.
    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.set_nonblocking(true)?;
        self.listener.try_clone()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Under another name first: it gets its own only when nobody else can open it any more.
fn listen(folder: &Path, path: &Path) -> io::Result<UnixListener> {
    let unborn = folder.join(format!("{NAME}.new"));
    match fs::remove_file(&unborn) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&unborn)?;
    fs::set_permissions(&unborn, fs::Permissions::from_mode(MODE))?;
    give_to_group(folder, &unborn);
    fs::rename(&unborn, path)?;
    Ok(listener)
}

/// The folder may be passed by others then, but not listed.
fn give_to_group(folder: &Path, socket: &Path) {
    // No such group: the socket is for root and the daemon's own user.
    let Ok(Some(group)) = Group::from_name(GROUP) else { return };
    let give = || {
        let mode = fs::metadata(folder)?.permissions().mode() | 0o011;
        fs::set_permissions(folder, fs::Permissions::from_mode(mode))?;
        // The unit runs as a member with this group first, and its sandbox knows no chown.
        if fs::metadata(socket)?.gid() == group.gid.as_raw() {
            return Ok(());
        }
        chown(socket, None, Some(group.gid.as_raw()))
    };
    let given: io::Result<()> = give();
    if let Err(error) = given {
        warn!(
            "the group {GROUP} cannot be let in to ems-edge status ({error}): add the service's user to it"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        drop(UnixListener::bind(&path).unwrap());
        let door = Door::open(dir.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        UnixStream::connect(&path).unwrap();
        assert!(matches!(Door::open(dir.path()), Err(DoorError::Taken(_))));
        UnixStream::connect(&path).unwrap();
        drop(door);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named_with_its_key() {
        let error = Door::open(Path::new("/proc/none")).unwrap_err().to_string();
        assert!(error.contains("/proc/none/status.sock") && error.contains("RUNTIME_DIR"), "{error}");
    }
}
