//! Commands on their way into the table: for one device or for many, in one commit.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::json;
use tracing::info;

use super::{MASK, Refused, Request, permit, prepare, tell};
use crate::app::App;
use crate::auth::sessions::User;
use crate::auth::token::{Token, TokenHash};
use crate::fleet::device::Device;
use crate::store::commands::{CommandRow, NewCommand};
use crate::store::{audit, commands, devices};
use crate::sync::Locked;

/// Open commands that one device may have.
const MAX_OPEN: usize = 256;
const OTHER: &str = "this device has another command with that command_id";
const TOO_MANY: &str = "too many commands wait for this device: wait until some of them have ended";

/// One command for one device, before it is in the table.
struct Asked {
    device: Arc<Device>,
    new: NewCommand,
    token: Option<Token>,
    /// Whether its token was put where the connection finds it.
    shared: bool,
}

/// What became of it: a command, and whether it is a new one.
type Outcome = Result<(CommandRow, bool), &'static str>;

/// Records a command, and has it sent if the device is there. It is durable when this returns.
///
/// # Errors
/// Why it was not recorded.
pub async fn ask(
    app: &App,
    device: &Arc<Device>,
    user: &User,
    request: Request,
) -> Result<CommandRow, Refused> {
    let outcomes = ask_many(app, std::slice::from_ref(device), user, &request).await?;
    outcomes.into_iter().next().unwrap_or_else(|| Err(Refused::Conflict(OTHER.to_owned())))
}

/// The same for several devices, in one commit: the outcome of each.
///
/// # Errors
/// What is wrong with the request itself, or with the database: then nothing was recorded.
pub async fn ask_many(
    app: &App,
    all: &[Arc<Device>],
    user: &User,
    request: &Request,
) -> Result<Vec<Result<CommandRow, Refused>>, Refused> {
    permit(user, &request.action)?;
    let mut asked = Vec::with_capacity(all.len());
    for device in all {
        let (mut new, token) = prepare(device.key, &user.username, request.clone())?;
        if token.is_some() {
            new.payload.insert("token".to_owned(), MASK.into());
        }
        asked.push(Asked { device: device.clone(), new, token, shared: false });
    }
    // Before the table has them: a connection may look there at once.
    let mut hashes = Vec::with_capacity(asked.len());
    for one in &mut asked {
        hashes.push(one.token.as_ref().map(Token::hash));
        if let Some(token) = one.token.take() {
            // Who asks again with the same id must not replace the token that is on its way.
            if let Entry::Vacant(place) =
                app.secrets.0.locked().entry((one.device.key, one.new.command_id.clone()))
            {
                place.insert(token);
                one.shared = true;
            }
        }
    }
    let rotates = hashes.iter().any(Option::is_some);
    let work: Vec<_> = asked
        .iter()
        .zip(hashes)
        .map(|(one, next)| (one.device.id.to_string(), one.new.clone(), next))
        .collect();
    let recorded = app.store.write(move |db| {
        work.iter()
            .map(|(id, new, next)| record(db, id, new, next.as_ref()))
            .collect::<rusqlite::Result<Vec<_>>>()
    });
    let outcomes = match recorded.await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            for one in &asked {
                forget(app, one);
            }
            return Err(error.into());
        }
    };
    if rotates {
        app.fleet.refresh().await?;
    }
    Ok(asked.iter().zip(outcomes).map(|(one, outcome)| finish(app, one, outcome)).collect())
}

fn record(
    db: &Connection,
    id: &str,
    new: &NewCommand,
    next: Option<&TokenHash>,
) -> rusqlite::Result<Outcome> {
    if let Some(known) = commands::find(db, new.device, &new.command_id)? {
        return Ok(if known.action == new.action { Ok((known, false)) } else { Err(OTHER) });
    }
    if commands::count_open(db, new.device)? >= MAX_OPEN {
        return Ok(Err(TOO_MANY));
    }
    commands::add(db, new)?;
    if let (Some(next), Ok(id)) = (next, id.parse()) {
        devices::set_next_token(db, &id, next)?;
    }
    let details = json!({ "command_id": new.command_id, "action": new.action, "payload": new.payload });
    audit::add(db, new.created_at, &new.asked_by, "command", id, &details)?;
    Ok(commands::find(db, new.device, &new.command_id)?.map(|row| (row, true)).ok_or(OTHER))
}

fn finish(app: &App, one: &Asked, outcome: Outcome) -> Result<CommandRow, Refused> {
    if !matches!(outcome, Ok((_, true))) {
        forget(app, one);
    }
    let (row, _) = outcome.map_err(|words| Refused::Conflict(words.to_owned()))?;
    info!(device_id = %one.device.id, command_id = row.command_id, action = row.action, user = row.asked_by, "command");
    tell(&one.device, row.clone());
    one.device.call();
    Ok(row)
}

fn forget(app: &App, one: &Asked) {
    if !one.shared {
        return;
    }
    app.secrets.0.locked().remove(&(one.device.key, one.new.command_id.clone()));
}
