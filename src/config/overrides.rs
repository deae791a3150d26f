//! What the cloud has set: kept in the state folder, each value bound to what the technician's file said at the time.
//! Editing that line of the file voids it. Order: environment, valid override, file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::read_bounded;

/// Values by the name of their key.
pub(super) type Values = BTreeMap<String, Override>;

/// The file.
const FILE: &str = "overrides.json";
/// Many times what all keys take, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// One value that the cloud has set. Without `Debug`: it may be a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Override {
    /// What holds.
    pub(super) value: String,
    /// What the file said when it was set; nothing if the key was not in it.
    pub(super) replaces: Option<String>,
    /// Of a token: the one that was in force before, until the new one has connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spare: Option<String>,
}

/// Everything that the cloud has set.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// What holds, after a crash too.
    pub(super) settings: Values,
    /// What is on trial instead: it holds until the daemon ends or gives it up, and then only once it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trial: Option<Values>,
}

impl Overrides {
    /// Those in the state folder `folder`; a file that cannot be read is as good as none, and said.
    pub fn read(folder: &Path) -> Self {
        let path = folder.join(FILE);
        match read_bounded(&path, MAX_BYTES) {
            Ok(contents) => serde_json::from_slice(&contents.bytes).unwrap_or_else(|_| {
                tracing::warn!("{} is damaged: what the cloud had set is void", path.display());
                Self::default()
            }),
            Err(_) => Self::default(),
        }
    }

    /// Writes them down: durable when this returns, and whole after a power cut at any instant.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        let (path, new): (PathBuf, PathBuf) = (folder.join(FILE), folder.join("overrides.new"));
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    }

    /// What is on trial is kept from now on.
    #[must_use]
    pub fn kept(mut self) -> Self {
        if let Some(trial) = self.trial.take() {
            self.settings = trial;
        }
        self
    }

    /// What was on trial is given up.
    #[must_use]
    pub fn given_up(self) -> Self {
        Self { trial: None, ..self }
    }

    /// Whether something is on trial.
    pub fn has_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Forgets the token before the present one, which has connected.
    #[must_use]
    pub fn without_spare(mut self) -> Self {
        self.settings.values_mut().for_each(|value| value.spare = None);
        self
    }

    /// The values that hold.
    pub(super) fn values(&self, on_trial: bool) -> &Values {
        self.trial.as_ref().filter(|_| on_trial).unwrap_or(&self.settings)
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overrides of {:?}", self.settings.keys().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Values {
        [("LOG_LEVEL".to_owned(), Override { value: text.to_owned(), replaces: None, spare: None })].into()
    }

    #[test]
    fn what_is_on_trial_does_not_outlive_the_daemon_unless_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let overrides = Overrides { settings: value("info"), trial: Some(value("debug")) };
        overrides.save(dir.path()).unwrap();
        let read = Overrides::read(dir.path());
        assert_eq!(read.values(false)["LOG_LEVEL"].value, "info");
        assert_eq!(read.values(true)["LOG_LEVEL"].value, "debug");
        assert_eq!(read.clone().kept().values(false)["LOG_LEVEL"].value, "debug");
        assert_eq!(read.given_up().values(true)["LOG_LEVEL"].value, "info");
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{\"settings\": {\"LOG_LE").unwrap();
        assert!(Overrides::read(dir.path()) == Overrides::default());
    }
}
