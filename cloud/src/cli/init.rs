//! `ems-cloud init`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use rustls::pki_types::ServerName;

use super::secret::{random_password, read_password};
use super::{Failure, say};
use crate::auth::password;
use crate::auth::role::Role;
use crate::auth::user::{MAX_NAME, is_sound_name};
use crate::certificates::{self, Certificates};
use crate::clock;
use crate::data_dir::{DataDir, open_own, write_new};
use crate::store::{open_connection, users};

#[derive(Debug, Args)]
pub(super) struct Init {
    /// A name or address by which devices reach this server, for its certificate; may be repeated
    #[arg(long = "host", value_name = "NAME", value_parser = host)]
    hosts: Vec<String>,
    /// Name of the first admin
    #[arg(long, value_name = "NAME", default_value = "admin")]
    admin: String,
    /// File with the first admin's password, '-' for standard input; without it a random one is printed once
    #[arg(long, value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
}

impl Init {
    pub(super) fn run(&self, data: &DataDir) -> Result<(), Failure> {
        if !is_sound_name(&self.admin) {
            return Err(Failure::usage(format!("--admin: a user name has 1 to {MAX_NAME} characters")));
        }
        let failed = |error| Failure::config(format!("{}: {error}", data.path().display()));
        data.create().map_err(failed)?;
        say(format_args!("data folder  {}", data.path().display()))?;
        self.certificates(data)?;
        jwt_key(data)?;
        self.first_admin(data)
    }

    fn certificates(&self, data: &DataDir) -> Result<(), Failure> {
        let all = [data.ca_certificate(), data.ca_key(), data.server_certificate(), data.server_key()];
        let missing: Vec<_> = all.iter().filter(|path| !path.exists()).collect();
        match missing.first() {
            None => {
                let note = if self.hosts.is_empty() {
                    ""
                } else {
                    " (--host changes nothing: delete server.pem, server.key, ca.pem and ca.key to make new ones)"
                };
                say(format_args!(
                    "certificate  {} is there already{note}",
                    data.server_certificate().display()
                ))
            }
            Some(first) if missing.len() < all.len() => Err(Failure::config(format!(
                "{} is missing, but other certificate files are there: restore it, or delete ca.pem, ca.key, \
                 server.pem and server.key to make new ones (devices then need the new ca.pem)",
                first.display()
            ))),
            Some(_) => {
                let made = certificates::generate(&self.hosts).map_err(|error| {
                    Failure::usage(format!("--host: no certificate for these names: {error}"))
                })?;
                let Certificates { ca_certificate, ca_key, server_certificate, server_key } = made;
                write(&data.ca_key(), ca_key.as_bytes(), 0o600)?;
                write(&data.server_key(), server_key.as_bytes(), 0o600)?;
                write(&data.server_certificate(), server_certificate.as_bytes(), 0o644)?;
                write(&data.ca_certificate(), ca_certificate.as_bytes(), 0o644)?;
                say(format_args!(
                    "CA           {} (give it to devices as CA_FILE)",
                    data.ca_certificate().display()
                ))
            }
        }
    }

    fn first_admin(&self, data: &DataDir) -> Result<(), Failure> {
        let path = data.database();
        let existed = path.exists();
        own(&path)?;
        let db = open_connection(&path)
            .map_err(|error| Failure::config(format!("{}: {error}", path.display())))?;
        let sql = |error| Failure::other(format!("{}: {error}", path.display()));
        say(format_args!(
            "database     {}{}",
            path.display(),
            if existed { " is there already" } else { "" }
        ))?;
        if users::count_admins(&db).map_err(sql)? > 0 {
            return say("admin        there is one already");
        }
        let (secret, random) = match &self.admin_password_file {
            Some(file) => (read_password("--admin-password-file", file)?, false),
            None => (random_password()?, true),
        };
        let hash = password::hash(&secret).map_err(Failure::usage)?;
        let added = users::add(&db, &self.admin, &hash, Role::Admin, clock::now().millis()).map_err(sql)?;
        if !added {
            return Err(Failure::usage(format!("--admin: there is a user {} who is no admin", self.admin)));
        }
        say(format_args!("admin        {}", self.admin))?;
        if random {
            say(format_args!("password     {secret} (shown only now)"))?;
        }
        Ok(())
    }
}

/// A certificate for what is no name fits no connection, and to make another one is a walk to every device.
fn host(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    match ServerName::try_from(name) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(
            "expected a name or an address without scheme and port, such as ems.example.org or 192.168.1.5; \
                       an international name in its xn-- form"
                .to_owned(),
        ),
    }
}

fn jwt_key(data: &DataDir) -> Result<(), Failure> {
    let path = data.jwt_key();
    if path.exists() {
        return say(format_args!("session key  {} is there already", path.display()));
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(Failure::other)?;
    write(&path, &key, 0o600)?;
    say(format_args!("session key  {}", path.display()))
}

/// Makes the database, empty, unless it is there: SQLite would make it with the usual permissions. The files beside it
/// inherit those that it has.
fn own(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    open_own(path)
        .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)))
        .map_err(|error| Failure::config(format!("{}: {error}", path.display())))
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    write_new(path, content, mode).map_err(|error| Failure::config(format!("{}: {error}", path.display())))
}
