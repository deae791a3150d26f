//! `ems-cloud user …`: who may log in, also while the server runs on the same file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ems_protocol::DeviceId;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::secret::{random_password, read_password};
use super::{Failure, open_database, say};
use crate::auth::password;
use crate::auth::role::Role;
use crate::auth::user::{MAX_NAME, is_sound_name};
use crate::clock;
use crate::data_dir::DataDir;
use crate::store::users::Kept;
use crate::store::{audit, users};

/// Who did it, in the audit.
const WHO: &str = "command line";

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a user; without a password file a random password is printed, once
    Add {
        /// 1 to 64 characters; case does not tell users apart
        name: String,
        /// viewer reads; operator also sends commands; admin also provisions devices and users
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// The only device that the user may see; may be repeated. Without it the user sees all
        #[arg(long = "device", value_name = "ID")]
        devices: Vec<DeviceId>,
        #[command(flatten)]
        password: Password,
    },
    /// List the users
    List,
    /// Give a user another role: viewer, operator or admin
    Role {
        /// The user
        name: String,
        /// The role
        role: Role,
    },
    /// Restrict a user to some devices, or let the user see all
    Devices {
        /// The user
        name: String,
        /// The devices
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        devices: Vec<DeviceId>,
        /// All devices, also those that are registered later
        #[arg(long)]
        all: bool,
    },
    /// Give a user another password and end all sessions; without a password file a random one is printed, once
    Passwd {
        /// The user
        name: String,
        #[command(flatten)]
        password: Password,
    },
    /// Remove a user and end all sessions
    Remove {
        /// The user
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Password {
    /// File with the password, '-' for standard input
    #[arg(long = "password-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl User {
    pub(super) fn run(self, data: &DataDir) -> Result<(), Failure> {
        let db = open_database(data)?;
        let path = data.database();
        let sql = |error: rusqlite::Error| database_failure(&path, &error);
        if matches!(self, Self::List) {
            return list(&db).map_err(sql)?.into_iter().try_for_each(say);
        }
        let transaction = db.unchecked_transaction().map_err(sql)?;
        let now = clock::now().millis();
        let note = |name: &str, action: &str, details: Value| {
            audit::add(&transaction, now, WHO, action, name, &details).map_err(sql)
        };
        let mut random = None;
        match self {
            Self::List => {}
            Self::Add { name, role, devices, password } => {
                if !is_sound_name(&name) {
                    return Err(Failure::usage(format!(
                        "NAME: a user name has 1 to {MAX_NAME} characters, none of them at its ends is a space"
                    )));
                }
                let hash = password.hash(&mut random)?;
                if !users::add(&transaction, &name, &hash, role, now).map_err(sql)? {
                    return Err(Failure::usage(format!(
                        "there is a user {name} already; `ems-cloud user passwd {name}` gives another password"
                    )));
                }
                let only: Option<BTreeSet<DeviceId>> =
                    (!devices.is_empty()).then(|| devices.into_iter().collect());
                if only.is_some() {
                    done(&name, users::set_devices(&transaction, &name, only.as_ref()).map_err(sql)?)?;
                }
                note(&name, "user added", json!({ "role": role, "devices": only }))?;
            }
            Self::Role { name, role } => {
                done(&name, users::set_role(&transaction, &name, role).map_err(sql)?)?;
                note(&name, "role changed", json!({ "role": role }))?;
            }
            Self::Devices { name, devices, all } => {
                let only: Option<BTreeSet<DeviceId>> = (!all).then(|| devices.into_iter().collect());
                done(&name, users::set_devices(&transaction, &name, only.as_ref()).map_err(sql)?)?;
                note(&name, "devices changed", json!({ "devices": only }))?;
            }
            Self::Passwd { name, password } => {
                let hash = password.hash(&mut random)?;
                done(&name, users::set_password(&transaction, &name, &hash, now).map_err(sql)?)?;
                note(&name, "password changed", json!({}))?;
            }
            Self::Remove { name } => {
                done(&name, users::remove(&transaction, &name).map_err(sql)?)?;
                note(&name, "user removed", json!({}))?;
            }
        }
        transaction.commit().map_err(sql)?;
        random.map_or(Ok(()), |secret| say(format_args!("password     {secret} (shown only now)")))
    }
}

impl Password {
    /// The hash of the password; a random one is left in `random`.
    fn hash(&self, random: &mut Option<String>) -> Result<String, Failure> {
        let secret = match &self.file {
            Some(file) => read_password("--password-file", file)?,
            None => random.insert(random_password()?).clone(),
        };
        password::hash(&secret).map_err(Failure::usage)
    }
}

fn done(name: &str, outcome: Result<(), Kept>) -> Result<(), Failure> {
    outcome.map_err(|kept| Failure::usage(format!("{name}: {kept}")))
}

fn database_failure(path: &Path, error: &rusqlite::Error) -> Failure {
    Failure::other(format!("{}: {error}", path.display()))
}

fn list(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let lines = users::list(db)?.into_iter().map(|user| {
        let devices = user.devices.map_or_else(
            || "all devices".to_owned(),
            |devices| devices.iter().map(DeviceId::as_str).collect::<Vec<_>>().join(","),
        );
        format!("{}\t{}\t{}\t{devices}", user.username, user.role.as_str(), user.created_at)
    });
    Ok(lines.collect())
}
