//! Commands on the server: asked for, delivered, watched until they end.
//!
//! The table is the queue: a connection sends the open commands of its device when it begins to speak for it and
//! whenever it is told that there are more. So a command that a restart of either side has cut off is sent again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use ems_protocol::{Command, Timestamp, encode, kind, limits};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::{info, warn};

use crate::app::App;
use crate::auth::role::Role;
use crate::auth::sessions::User;
use crate::auth::token::{PREFIX, Token};
use crate::clock;
use crate::fleet::device::Device;
use crate::socket::Utf8Bytes;
use crate::store::commands::{CommandRow, NewCommand, is_final};
use crate::store::{StoreError, audit, commands, devices};
use crate::sync::Locked;

/// Open commands that one device may have.
const MAX_OPEN: usize = 256;
/// The longest time to live, in s: a week, as long as devices remember what they have done.
const MAX_TTL: f64 = 7.0 * 24.0 * 3600.0;
/// The longest id that somebody may choose, in bytes.
const MAX_ID: usize = 128;
/// The longest name of an action, in bytes.
const MAX_ACTION: usize = 64;
/// How often it is looked for commands of the command line, and for those whose time is over.
const WATCH: Duration = Duration::from_millis(250);
/// What stands in the place of a token.
const MASK: &str = "[secret]";

/// What somebody asks for.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// What to do, for example `PING`.
    pub action: String,
    /// What to do it with.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// How long it is good for, in s.
    #[serde(default)]
    pub ttl_s: Option<f64>,
    /// An id of the asker's choice: asking again with it asks for nothing more.
    #[serde(default)]
    pub command_id: Option<String>,
}

/// Why it is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A field of the request is wrong.
    #[error("{1}")]
    Field(&'static str, String),
    /// The user's role does not do.
    #[error("{0}")]
    Role(&'static str),
    /// The device has another command of that id, or too many of them.
    #[error("{0}")]
    Conflict(String),
    /// The database does not cooperate.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tokens on their way to devices: never in the database. A restart of the server loses them, and the command fails.
#[derive(Default)]
pub struct Secrets(Mutex<HashMap<(i64, String), Token>>);

/// A command for people, and for dashboards as `command.status`.
#[derive(Debug, Serialize)]
pub struct View {
    device_id: String,
    command_id: String,
    action: String,
    payload: Map<String, Value>,
    asked_by: String,
    status: ems_protocol::CommandStatus,
    issued_at: Timestamp,
    expires_at: Timestamp,
    deliveries: u32,
    sent_at: Option<Timestamp>,
    accepted_at: Option<Timestamp>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_result: Option<Value>,
}

impl View {
    /// Of `row`, which is of the device called `device_id`.
    pub fn of(device_id: &str, row: CommandRow) -> Self {
        Self {
            device_id: device_id.to_owned(),
            command_id: row.command_id,
            action: row.action,
            payload: row.payload,
            asked_by: row.asked_by,
            status: row.status,
            issued_at: row.created_at,
            expires_at: row.expires_at,
            deliveries: row.deliveries,
            sent_at: row.sent_at,
            accepted_at: row.accepted_at,
            started_at: row.started_at,
            finished_at: row.final_at,
            reason_code: row.reason_code,
            reason: row.reason,
            result: row.result,
            late_result: row.late_result,
        }
    }
}

/// Whether the user's role does for this action; operators do for all others. Whoever chooses a device's token can
/// speak for the device.
///
/// # Errors
/// [`Refused::Role`].
pub fn permit(user: &User, action: &str) -> Result<(), Refused> {
    if action == "ROTATE_TOKEN" && user.role < Role::Admin {
        return Err(Refused::Role("only an admin may replace a device's token"));
    }
    Ok(())
}

/// Records a command, and has it sent if the device is there. It is durable when this returns.
pub async fn ask(
    app: &App,
    device: &Arc<Device>,
    user: &User,
    request: Request,
) -> Result<CommandRow, Refused> {
    permit(user, &request.action)?;
    let who = &user.username;
    let (mut new, token) = prepare(device.key, who, request)?;
    let key = (device.key, new.command_id.clone());
    let next = token.as_ref().map(Token::hash);
    if let Some(token) = token {
        new.payload.insert("token".to_owned(), MASK.into());
        app.secrets.0.locked().insert(key.clone(), token);
    }
    let (id, who) = (device.id.clone(), who.to_owned());
    let outcome = app
        .store
        .write(move |db| {
            if let Some(known) = commands::find(db, new.device, &new.command_id)? {
                return Ok(if known.action == new.action { Ok(known) } else { Err(OTHER) });
            }
            if commands::count_open(db, new.device)? >= MAX_OPEN {
                return Ok(Err(TOO_MANY));
            }
            commands::add(db, &new)?;
            if let Some(next) = next {
                devices::set_next_token(db, &id, &next)?;
            }
            let details =
                json!({ "command_id": new.command_id, "action": new.action, "payload": new.payload });
            audit::add(db, new.created_at, &who, "command", id.as_str(), &details)?;
            Ok(commands::find(db, new.device, &new.command_id)?.ok_or(OTHER))
        })
        .await;
    let row = match outcome {
        Ok(Ok(row)) => row,
        failed => {
            app.secrets.0.locked().remove(&key);
            return Err(match failed {
                Err(error) => error.into(),
                Ok(refused) => Refused::Conflict(refused.err().unwrap_or(OTHER).to_owned()),
            });
        }
    };
    if next.is_some() {
        app.fleet.refresh().await?;
    }
    info!(device_id = %device.id, command_id = row.command_id, action = row.action, user = row.asked_by, "command");
    tell(device, row.clone());
    device.call();
    Ok(row)
}

const OTHER: &str = "this device has another command with that command_id";
const TOO_MANY: &str = "too many commands wait for this device: wait until some of them have ended";

/// The command, without its token.
pub fn prepare(device: i64, who: &str, request: Request) -> Result<(NewCommand, Option<Token>), Refused> {
    let field = |name, words: String| Err(Refused::Field(name, words));
    let Request { action, mut payload, ttl_s, command_id } = request;
    if !(1..=MAX_ACTION).contains(&action.len())
        || !action.bytes().all(|c| c.is_ascii_uppercase() || c == b'_')
    {
        return field("action", format!("action: expected a name such as PING, at most {MAX_ACTION} bytes"));
    }
    let ttl = ttl_s.unwrap_or(limits::COMMAND_TTL_SECONDS as f64);
    if !(1.0..=MAX_TTL).contains(&ttl) {
        return field("ttl_s", format!("ttl_s is {ttl}, expected 1 to {MAX_TTL}"));
    }
    let command_id = match command_id {
        None => random_id().map_err(|error| Refused::Conflict(format!("no random numbers: {error}")))?,
        Some(id) if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_graphic()) => id,
        Some(_) => {
            return field(
                "command_id",
                format!("command_id: expected 1 to {MAX_ID} visible ASCII characters"),
            );
        }
    };
    let mut token = None;
    if action == "ROTATE_TOKEN" {
        token = Some(match payload.remove("token") {
            None => {
                Token::generate().map_err(|error| Refused::Conflict(format!("no random numbers: {error}")))?
            }
            Some(Value::String(text)) if Token::is_sound(&text) => Token::from_text(text),
            Some(_) => {
                return field(
                    "token",
                    format!("token: expected {PREFIX} and 16 to 500 visible ASCII characters"),
                );
            }
        });
    }
    let now = clock::now().millis();
    #[expect(clippy::cast_possible_truncation, reason = "at most a week in ms")]
    let ttl_ms = (ttl * 1e3) as i64;
    let who = who.to_owned();
    Ok((NewCommand { device, command_id, action, payload, asked_by: who, created_at: now, ttl_ms }, token))
}

/// The frame that delivers `row`, with what remains of its time to live; nothing if its token is lost.
pub fn frame(app: &App, row: &CommandRow, typed: bool) -> Option<Utf8Bytes> {
    let mut payload = row.payload.clone();
    if row.action == "ROTATE_TOKEN" {
        let secrets = app.secrets.0.locked();
        let token = secrets.get(&(row.device, row.command_id.clone()))?;
        payload.insert("token".to_owned(), token.reveal().into());
    }
    let left = row.expires_at.millis() - clock::now().millis();
    let command = Command {
        command_id: row.command_id.clone(),
        action: row.action.clone(),
        payload,
        issued_at: Some(row.created_at),
        ttl_s: left.max(0) as f64 / 1e3,
    };
    Some(if typed {
        encode(kind::COMMAND, &command).into()
    } else {
        serde_json::to_string(&command).unwrap_or_default().into()
    })
}

/// Tells dashboards where a command stands, and forgets the secret of one that has ended.
pub fn tell(device: &Device, row: CommandRow) {
    let view = View::of(device.id.as_str(), row);
    device.forward(&encode(kind::COMMAND_STATUS, &view).into());
}

/// The same, for one that may have ended.
pub fn progressed(app: &App, device: &Device, row: CommandRow) {
    if is_final(row.status) {
        app.secrets.0.locked().remove(&(row.device, row.command_id.clone()));
    }
    tell(device, row);
}

/// Looks after commands for as long as the server runs.
pub async fn keep_watch(app: Arc<App>) {
    let mut tick = tokio::time::interval(WATCH);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen = 0;
    loop {
        tick.tick().await;
        if let Err(error) = look(&app, &mut seen).await {
            warn!(%error, "the commands could not be looked through");
            // Once in a while is enough to say so.
            tokio::time::sleep(WATCH * 40).await;
        }
    }
}

async fn look(app: &App, seen: &mut i64) -> Result<(), StoreError> {
    let after = *seen;
    let now = clock::now().millis();
    let (newer, overdue) =
        app.store.read(move |db| Ok((commands::newer(db, after)?, commands::has_overdue(db, now)?))).await?;
    for (device, last) in newer {
        *seen = (*seen).max(last);
        if let Some(device) = app.fleet.by_key(device) {
            device.call();
        }
    }
    if overdue {
        for row in app.store.write(move |db| commands::time_out(db, now)).await? {
            info!(command_id = row.command_id, action = row.action, "command timed out");
            if let Some(device) = app.fleet.by_key(row.device) {
                progressed(app, &device, row);
            }
        }
    }
    Ok(())
}

fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes)?;
    Ok(format!("cmd_{}", BASE32_NOPAD.encode(&bytes).to_lowercase()))
}
