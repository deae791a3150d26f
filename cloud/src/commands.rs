//! Commands on the server: asked for, delivered, watched until they end.
//!
//! The table is the queue: a connection sends the open commands of its device when it begins to speak for it and
//! whenever it is told that there are more. So a command that a restart of either side has cut off is sent again.

mod ask;
mod request;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ems_protocol::{Command, Timestamp, encode, kind};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::{info, warn};

use crate::app::App;
use crate::auth::token::Token;
use crate::clock;
use crate::fleet::device::Device;
use crate::socket::Utf8Bytes;
use crate::store::commands::{CommandRow, is_final};
use crate::store::{StoreError, commands};
use crate::sync::Locked;
pub use ask::{ask, ask_many};
pub use request::{Refused, Request, permit, prepare};

/// How often it is looked for commands of the command line, and for those whose time is over.
const WATCH: Duration = Duration::from_millis(250);
/// What stands in the place of a token.
const MASK: &str = "[secret]";

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
