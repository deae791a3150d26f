//! `ems-cloud command …`: commands to devices, by way of the database of the running server.

use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Subcommand;
use ems_protocol::{CommandStatus, DeviceId};
use rusqlite::Connection;
use serde_json::json;

use super::{Failure, open_database, say};
use crate::commands::{Request, View, prepare};
use crate::data_dir::DataDir;
use crate::store::commands::{self, is_final};
use crate::store::{audit, devices};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Send a command to a device, and wait for its answer
    Send {
        /// The device
        id: DeviceId,
        /// What to do, for example PING
        action: String,
        /// What to do it with, a JSON object
        #[arg(long, value_name = "JSON", default_value = "{}")]
        payload: String,
        /// How long it is good for, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
        ttl: f64,
        /// Do not wait for the answer
        #[arg(long)]
        no_wait: bool,
    },
    /// List the last commands of a device, the newest first
    List {
        /// The device
        id: DeviceId,
    },
}

/// The database entry of who asked.
const WHO: &str = "command line";
/// What the server takes to see that no answer comes, on top of the time to live.
const PATIENCE: Duration = Duration::from_secs(30);
const LISTED: usize = 20;

impl Command {
    pub(super) fn run(self, data: &DataDir) -> Result<(), Failure> {
        let path = data.database();
        let db = open_database(data)?;
        let sql = |error: rusqlite::Error| Failure::other(format!("{}: {error}", path.display()));
        let (Self::Send { id, .. } | Self::List { id }) = &self;
        let device = devices::find(&db, id).map_err(sql)?;
        let device = device.ok_or_else(|| Failure::usage(format!("there is no device {id}")))?;
        match self {
            Self::List { id } => commands::list(&db, device.key, LISTED)
                .map_err(sql)?
                .into_iter()
                .try_for_each(|row| show(&id, row)),
            Self::Send { id, action, payload, ttl, no_wait } => {
                let payload = serde_json::from_str(&payload)
                    .map_err(|error| Failure::usage(format!("--payload: expected a JSON object: {error}")))?;
                let request = Request { action, payload, ttl_s: Some(ttl), command_id: None };
                let (new, token) = prepare(device.key, WHO, request).map_err(Failure::usage)?;
                if token.is_some() {
                    return Err(Failure::usage(
                        "ROTATE_TOKEN goes by way of the API alone: a token is never written into the database",
                    ));
                }
                let transaction = db.unchecked_transaction().map_err(sql)?;
                commands::add(&transaction, &new).map_err(sql)?;
                let details =
                    json!({ "command_id": new.command_id, "action": new.action, "payload": new.payload });
                audit::add(&transaction, new.created_at, WHO, "command", id.as_str(), &details)
                    .map_err(sql)?;
                transaction.commit().map_err(sql)?;
                if no_wait {
                    return say(new.command_id);
                }
                let limit = Duration::try_from_secs_f64(ttl).unwrap_or_default() + PATIENCE;
                wait(&db, &id, device.key, &new.command_id, limit).map_err(sql)?
            }
        }
    }
}

/// Shows the command when it has ended.
fn wait(
    db: &Connection,
    id: &DeviceId,
    device: i64,
    command_id: &str,
    limit: Duration,
) -> rusqlite::Result<Result<(), Failure>> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(row) = commands::find(db, device, command_id)?.filter(|row| is_final(row.status)) {
            let status = row.status;
            return Ok(show(id, row).and_then(|()| match status {
                CommandStatus::Succeeded => Ok(()),
                _ => Err(Failure::other(format!("the command did not succeed: {command_id}"))),
            }));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(Err(Failure::other(format!("{command_id} has not ended: does `ems-cloud serve` run on this folder?"))))
}

fn show(id: &DeviceId, row: commands::CommandRow) -> Result<(), Failure> {
    say(serde_json::to_string(&View::of(id.as_str(), row)).unwrap_or_default())
}
