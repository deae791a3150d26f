//! Finding and reading the file, with a bound on its size and no way to hang.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// A thousand times what a configuration needs, in bytes.
pub(super) const MAX_BYTES: u64 = 64 * 1024;

/// What the search for a configuration file came to.
#[derive(Debug)]
pub(super) enum Found {
    /// This one was read.
    File(PathBuf, Contents),
    /// This one is there, or was asked for, and cannot be read.
    Unreadable(PathBuf, ReadError),
    /// None of these is there.
    Nowhere(Vec<PathBuf>),
}

/// A small regular file.
#[derive(Debug)]
pub(super) struct Contents {
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// Permission bits (`st_mode & 0o7777`).
    pub(super) mode: u32,
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The system said no.
    Io(io::Error),
    /// A directory.
    Directory,
    /// A pipe, socket or device.
    NotAFile,
    /// More bytes than this.
    TooLarge(u64),
}

/// The file at `path`, else the first of `search` that exists. One that exists and cannot be read ends the
/// search: passing on to the next would run another configuration than the technician sees.
pub(super) fn find(path: Option<&Path>, search: &[&Path]) -> Found {
    let candidates = path.map_or_else(|| search.to_vec(), |path| vec![path]);
    for candidate in candidates {
        match read_bounded(candidate, MAX_BYTES) {
            Ok(contents) => return Found::File(candidate.to_owned(), contents),
            Err(error) if error.is_absence() && path.is_none() => {}
            Err(error) => return Found::Unreadable(candidate.to_owned(), error),
        }
    }
    Found::Nowhere(search.iter().map(|path| path.to_path_buf()).collect())
}

/// The bytes of a regular file of at most `limit` bytes.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Contents, ReadError> {
    // Without NONBLOCK the opening of a pipe waits for its writer.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ReadError::Directory);
    }
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge(limit));
    }
    Ok(Contents { bytes, mode: metadata.mode() & 0o7777 })
}

impl ReadError {
    fn is_absence(&self) -> bool {
        matches!(self, Self::Io(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
    }

    /// What to do when the file is the configuration.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                "run as root (sudo) or as a user who may read it"
            }
            Self::Io(_) if self.is_absence() => "copy config.example.env there and fill it in",
            Self::Io(_) => "check the file and the card",
            Self::Directory | Self::NotAFile => {
                "name the file itself, e.g. --config /etc/ems-edge/config.env"
            }
            Self::TooLarge(_) => "a configuration is a few lines of KEY=value: is this the right file?",
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) if self.is_absence() => f.write_str("does not exist"),
            Self::Io(error) => write!(f, "cannot be read ({error})"),
            Self::Directory => f.write_str("is a directory"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::TooLarge(limit) => write!(f, "is larger than {} KiB", limit / 1024),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_others_may_read_is_said_with_the_way_to_read_it() {
        let error = ReadError::from(io::Error::from(ErrorKind::PermissionDenied));
        assert!(!error.is_absence());
        assert!(error.to_string().contains("cannot be read"));
        assert!(error.remedy().contains("sudo"));
    }
}
