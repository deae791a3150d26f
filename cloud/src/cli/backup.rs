//! `ems-cloud backup`: the data folder as it is at one moment, also while the server runs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use rusqlite::Connection;

use super::{Failure, open_database, say};
use crate::data_dir::{DataDir, open_own, write_new};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// A folder that does not exist yet; `ems-cloud serve --data FOLDER` runs on it
    folder: PathBuf,
}

impl Backup {
    pub(super) fn run(&self, data: &DataDir) -> Result<(), Failure> {
        let db = open_database(data)?;
        let shown = self.folder.display();
        if self.folder.exists() {
            return Err(Failure::usage(format!("{shown}: there is something already: name a new folder")));
        }
        // A backup that was cut off must not look like one.
        let mut partial = self.folder.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let made = make(&db, data, &DataDir::new(&partial)).and_then(|made| {
            fs::rename(&partial, &self.folder).map_err(|error| error.to_string())?;
            Ok(made)
        });
        match made {
            Ok((size, left_out)) => {
                for path in left_out {
                    say(format_args!("left out     {}: there is no such file", path.display()))?;
                }
                say(format_args!("backup       {shown} ({} kB of database)", size / 1024))
            }
            Err(why) => {
                // Whatever there is of it is worth nothing.
                let _ = fs::remove_dir_all(&partial);
                Err(Failure::other(format!("{shown}: no backup was made: {why}")))
            }
        }
    }
}

/// Makes the copy; the size of its database in bytes, and the files that were not there.
fn make(db: &Connection, from: &DataDir, to: &DataDir) -> Result<(u64, Vec<PathBuf>), String> {
    if to.path().exists() {
        fs::remove_dir_all(to.path()).map_err(|error| error.to_string())?;
    }
    to.create().map_err(|error| error.to_string())?;
    let copy = to.database();
    // SQLite takes an empty file, and this one is closed to others from the beginning.
    open_own(&copy).map_err(|error| format!("{}: {error}", copy.display()))?;
    // One transaction that reads: the server goes on writing meanwhile.
    db.execute("VACUUM INTO ?", [copy.to_string_lossy()]).map_err(|error| error.to_string())?;
    check(&copy)?;
    let mut left_out = Vec::new();
    for (source, target, mode) in [
        (from.jwt_key(), to.jwt_key(), 0o600),
        (from.ca_key(), to.ca_key(), 0o600),
        (from.server_key(), to.server_key(), 0o600),
        (from.ca_certificate(), to.ca_certificate(), 0o644),
        (from.server_certificate(), to.server_certificate(), 0o644),
    ] {
        let content = match fs::read(&source) {
            // Keys may be kept elsewhere: that of the authority offline, or another certificate in use.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                left_out.push(source);
                continue;
            }
            content => content.map_err(|error| format!("{}: {error}", source.display()))?,
        };
        write_new(&target, &content, mode).map_err(|error| format!("{}: {error}", target.display()))?;
    }
    let file = fs::File::open(&copy).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    Ok((file.map_err(|error| error.to_string())?.len(), left_out))
}

/// A copy that cannot be read is none.
fn check(copy: &Path) -> Result<(), String> {
    let verdict: Result<String, _> =
        Connection::open(copy).and_then(|db| db.query_row("PRAGMA quick_check", [], |row| row.get(0)));
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(format!("the copy is damaged: {verdict}")),
        Err(error) => Err(error.to_string()),
    }
}
