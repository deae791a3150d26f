//! The data folder: what lies where, and who may read it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
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
        let path = self.0.join("serve.lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        give_to_the_owner_of_the_folder(&path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Makes the folder, closed to others (0700), unless it is there.
    pub fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }
}

/// What root makes in the folder of the service's user belongs to that user: the service has to read it.
///
/// SQLite does the same with the files beside a database.
pub fn give_to_the_owner_of_the_folder(path: &Path) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    chown(path, Some(folder.uid()), Some(folder.gid()))
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
    give_to_the_owner_of_the_folder(&partial)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}
