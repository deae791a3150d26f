//! The data folder: what lies where, and who may read it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Where the server keeps its database, keys and certificates.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The folder at `path`; nothing is read or made yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.0.join("ems.db")
    }

    /// The certificate that devices and browsers are told to trust.
    pub fn ca_certificate(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The key that signs server certificates.
    pub fn ca_key(&self) -> PathBuf {
        self.0.join("ca.key")
    }

    /// The server's certificate.
    pub fn server_certificate(&self) -> PathBuf {
        self.0.join("server.pem")
    }

    /// The server's private key.
    pub fn server_key(&self) -> PathBuf {
        self.0.join("server.key")
    }

    /// The key that signs the tokens of users.
    pub fn jwt_key(&self) -> PathBuf {
        self.0.join("jwt.key")
    }

    /// Takes the folder for this server alone, until the file is dropped.
    ///
    /// The writer remembers in memory which samples are stored: a second one on the same file would store twice.
    pub fn lock(&self) -> io::Result<File> {
        let file = open_own(&self.0.join("serve.lock"))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Makes the folder, closed to others (0700), unless it is there.
    pub fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }
}

/// Opens a file of the data folder for writing, or makes it, closed to others (0600).
///
/// What root makes in the folder of the service's user belongs to that user: the service has to read it. SQLite does the
/// same with the files beside a database. That user must not get hold of other files so: none is taken that has its place
/// elsewhere.
///
/// # Errors
/// A symbolic link, a file with a second name and what is no file; whatever the file system says.
pub fn open_own(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, a FIFO would wait for its reader.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| {
            let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
            if is_link { not_own("a symbolic link") } else { error }
        })?;
    let known = file.metadata()?;
    if !known.is_file() {
        return Err(not_own("no regular file"));
    }
    if known.nlink() > 1 {
        return Err(not_own("a file with a second name (a hard link)"));
    }
    give_to_the_owner_of_the_folder(&file, path)?;
    Ok(file)
}

fn not_own(what: &str) -> io::Error {
    io::Error::other(format!("it is {what}, but the server's own file belongs here: move it away"))
}

/// `path` is where it was opened.
fn give_to_the_owner_of_the_folder(file: &File, path: &Path) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    fchown(file, Some(folder.uid()), Some(folder.gid()))
}

/// Writes a new file whole or not at all; `mode` is what others may do with it.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] rather than overwrite; whatever the file system says.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let partial = path.with_extension("partial");
    // Left by a run that was killed; its mode may be another.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&partial)?;
    file.write_all(content)?;
    give_to_the_owner_of_the_folder(&file, &partial)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_file_of_the_folder_is_refused_and_what_it_names_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("shadow");
        fs::write(&other, "secret").unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o640)).unwrap();
        let data = DataDir::new(dir.path().join("data"));
        data.create().unwrap();
        for name in ["serve.lock", "ems.db"] {
            let place = data.path().join(name);
            for target in [&other, &dir.path().join("absent")] {
                symlink(target, &place).unwrap();
                assert!(open_own(&place).unwrap_err().to_string().contains("symbolic link"));
                fs::remove_file(&place).unwrap();
            }
            fs::hard_link(&other, &place).unwrap();
            assert!(open_own(&place).unwrap_err().to_string().contains("second name"));
            fs::remove_file(&place).unwrap();
            fs::create_dir(&place).unwrap();
            open_own(&place).unwrap_err();
            fs::remove_dir(&place).unwrap();
        }
        let after = fs::metadata(&other).unwrap();
        assert_eq!((after.permissions().mode() & 0o777, after.len()), (0o640, 6));
        assert!(!dir.path().join("absent").exists());
        drop(data.lock().unwrap());
        data.lock().unwrap();
    }
}
