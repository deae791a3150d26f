//! What somebody asks a device for, and why not.

use data_encoding::BASE32_NOPAD;
use ems_protocol::limits;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::actions;
use crate::auth::role::Role;
use crate::auth::sessions::User;
use crate::auth::token::{PREFIX, Token};
use crate::clock;
use crate::store::StoreError;
use crate::store::commands::NewCommand;

/// The longest time to live, in s: a week, as long as devices remember what they have done.
const MAX_TTL: f64 = 7.0 * 24.0 * 3600.0;
/// The longest id that somebody may choose, in bytes.
const MAX_ID: usize = 128;
/// The longest name of an action, in bytes.
const MAX_ACTION: usize = 64;

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

/// Whether the user's role does for this action. Whoever chooses a device's token can speak for the device.
///
/// # Errors
/// [`Refused::Role`].
pub fn permit(user: &User, action: &str) -> Result<(), Refused> {
    let needs = actions::needs(action);
    if user.role >= needs {
        return Ok(());
    }
    Err(Refused::Role(match (action, needs) {
        ("ROTATE_TOKEN", _) => "only an admin may replace a device's token",
        (_, Role::Admin) => "only an admin may send this command",
        _ => "only an operator or an admin may send commands",
    }))
}

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

fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes)?;
    Ok(format!("cmd_{}", BASE32_NOPAD.encode(&bytes).to_lowercase()))
}
