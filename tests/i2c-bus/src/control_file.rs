//! The control file on disk, followed while it changes.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::complain;
use crate::control::{Control, ControlError};

/// A control file and what it said last.
#[derive(Debug)]
pub(crate) struct ControlFile {
    path: PathBuf,
    /// Compared whole at each use: time stamps are too coarse for two changes in one tick, and it is short.
    text: Vec<u8>,
    unreadable: bool,
}

/// Why a control file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlFileError {
    #[error("cannot read the control file {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the control file {0} is empty: for a bus without chips write a comment, `# nothing here`")]
    Empty(PathBuf),
    #[error("the control file {0} is not UTF-8 text")]
    NotText(PathBuf),
    #[error("control file {path}, {source}")]
    Line { path: PathBuf, source: ControlError },
}

impl ControlFile {
    /// Reads the file for the first time.
    pub(crate) fn open(path: &Path) -> Result<(Self, Control), ControlFileError> {
        let unreadable = |source| ControlFileError::Unreadable { path: path.to_owned(), source };
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::other("not a regular file")));
        }
        let text = fs::read(path).map_err(unreadable)?;
        if text.is_empty() {
            return Err(ControlFileError::Empty(path.to_owned()));
        }
        let control = parse(path, &text)?;
        Ok((Self { path: path.to_owned(), text, unreadable: false }, control))
    }

    /// What the file says, if that has changed and can be used. What cannot is reported on stderr, once.
    pub(crate) fn changed(&mut self) -> Option<Control> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(source) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    say_ignored(&ControlFileError::Unreadable { path: self.path.clone(), source });
                }
                return None;
            }
        };
        self.unreadable = false;
        // Empty is how a file looks between being truncated and being written.
        if text.is_empty() || text == self.text {
            return None;
        }
        self.text = text;
        parse(&self.path, &self.text).map_err(|error| say_ignored(&error)).ok()
    }
}

fn say_ignored(error: &ControlFileError) {
    complain(format_args!("{error}; the bus stays as it was"));
}

fn parse(path: &Path, text: &[u8]) -> Result<Control, ControlFileError> {
    std::str::from_utf8(text)
        .map_err(|_| ControlFileError::NotText(path.to_owned()))?
        .parse()
        .map_err(|source| ControlFileError::Line { path: path.to_owned(), source })
}
