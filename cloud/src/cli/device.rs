//! `ems-cloud device …`: the registry, also while the server runs on the same file.

use clap::Subcommand;
use ems_protocol::DeviceId;
use rusqlite::Connection;

use super::{Failure, open_database, say};
use crate::auth::token::Token;
use crate::data_dir::DataDir;
use crate::store::devices;

/// The longest name for people, in bytes; as in the API.
const MAX_NAME: usize = crate::http::MAX_DEVICE_NAME;

#[derive(Debug, Subcommand)]
pub(super) enum Device {
    /// Register devices, all or none, and print their tokens, once
    Add {
        /// 1 to 63 characters of a-z, 0-9, '_' and '-', for example `ems_001`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<DeviceId>,
        /// A name for people, of a single device
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// List the registered devices
    List,
    /// Make a new token and print it, once; the old one is void and its connection is closed
    Token {
        /// The device
        id: DeviceId,
    },
    /// Turn a device away until it is enabled again
    Disable {
        /// The device
        id: DeviceId,
    },
    /// Let a disabled device connect again
    Enable {
        /// The device
        id: DeviceId,
    },
}

impl Device {
    pub(super) fn run(self, data: &DataDir) -> Result<(), Failure> {
        let path = data.database();
        let db = open_database(data)?;
        let sql = |error: rusqlite::Error| Failure::other(format!("{}: {error}", path.display()));
        match self {
            Self::Add { ids, name } => {
                if name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
                    return Err(Failure::usage(format!("--name: at most {MAX_NAME} bytes")));
                }
                if name.as_ref().is_some_and(|name| name.contains(char::is_control)) {
                    return Err(Failure::usage("--name: no control characters, a name is one line"));
                }
                if name.is_some() && ids.len() > 1 {
                    return Err(Failure::usage("--name is for one device: add the others without it"));
                }
                add(&db, &ids, name.as_deref(), &sql)
            }
            Self::Token { id } => {
                let token = Token::generate().map_err(Failure::other)?;
                existing(&id, devices::set_token(&db, &id, &token.hash()).map_err(sql)?)?;
                show_token(&id, &token)
            }
            Self::Disable { id } => existing(&id, devices::set_enabled(&db, &id, false).map_err(sql)?),
            Self::Enable { id } => existing(&id, devices::set_enabled(&db, &id, true).map_err(sql)?),
            Self::List => list(&db).map_err(sql)?.into_iter().try_for_each(say),
        }
    }
}

/// Either all are registered or none: half a list would have to be taken apart by hand.
fn add(
    db: &Connection,
    ids: &[DeviceId],
    name: Option<&str>,
    sql: &impl Fn(rusqlite::Error) -> Failure,
) -> Result<(), Failure> {
    let transaction = db.unchecked_transaction().map_err(sql)?;
    let mut tokens = Vec::with_capacity(ids.len());
    for id in ids {
        let token = Token::generate().map_err(Failure::other)?;
        if !devices::add(&transaction, id, name, &token.hash()).map_err(sql)? {
            return Err(Failure::usage(format!(
                "there is a device {id} already; `ems-cloud device token {id}` makes a new token"
            )));
        }
        tokens.push(token);
    }
    transaction.commit().map_err(sql)?;
    ids.iter().zip(&tokens).try_for_each(|(id, token)| show_token(id, token))
}

fn show_token(id: &DeviceId, token: &Token) -> Result<(), Failure> {
    say("# The token is shown only now. Lines for the device's config.env:")?;
    say(format_args!("DEVICE_ID={id}"))?;
    say(format_args!("API_TOKEN={}", token.reveal()))
}

fn existing(id: &DeviceId, exists: bool) -> Result<(), Failure> {
    if exists { Ok(()) } else { Err(Failure::usage(format!("there is no device {id}"))) }
}

fn list(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let lines = devices::list(db)?.into_iter().map(|device| {
        let state = if device.enabled { "enabled" } else { "disabled" };
        // An older version took any name: one must not play with the terminal.
        let name = device.name.unwrap_or_default().replace(char::is_control, " ");
        format!("{}\t{state}\t{}\t{name}", device.id, device.created_at)
    });
    Ok(lines.collect())
}
