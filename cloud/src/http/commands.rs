//! `/api/devices/{id}/commands`, `/api/commands`, `/api/audit`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::body::JsonBody;
use super::devices::find;
use super::guard::LoggedIn;
use super::id::{RawId, RawIds};
use super::problem::Problem;
use super::query::Parameters;
use crate::app::App;
use crate::audit as noted;
use crate::auth::sessions::User;
use crate::commands::{self, Refused, Request, View};
use crate::store::{audit, commands as table};

/// The most entries that one answer has.
const MAX_LISTED: usize = 1000;
const DEFAULT_LISTED: usize = 100;
/// The most devices in one request.
const MAX_BULK: usize = 1000;

/// The same command for several devices.
#[derive(Deserialize)]
pub(super) struct Bulk {
    device_ids: Vec<String>,
    action: String,
    #[serde(default)]
    payload: Map<String, Value>,
    #[serde(default)]
    ttl_s: Option<f64>,
}

/// What became of it for one of them.
#[derive(Serialize)]
struct Part {
    device_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn send(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
    JsonBody(request): JsonBody<Request>,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    permit(&app, &user, &format!("/api/devices/{id}/commands"), &request.action).await?;
    let row = commands::ask(&app, &device, &user, request).await?;
    Ok((StatusCode::CREATED, Json(View::of(device.id.as_str(), row))).into_response())
}

pub(super) async fn send_to_many(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    JsonBody(bulk): JsonBody<Bulk>,
) -> Result<Response, Problem> {
    let Bulk { mut device_ids, action, payload, ttl_s } = bulk;
    device_ids.sort_unstable();
    device_ids.dedup();
    if !(1..=MAX_BULK).contains(&device_ids.len()) {
        return Err(Problem::bad_field(
            "device_ids",
            format!("device_ids: expected 1 to {MAX_BULK} devices"),
        ));
    }
    permit(&app, &user, "/api/commands", &action).await?;
    if action == "ROTATE_TOKEN" && payload.contains_key("token") {
        let words = "token: leave it out: several devices get a token each";
        return Err(Problem::bad_field("token", words));
    }
    let request = Request { action, payload, ttl_s, command_id: None };
    let mut found = Vec::with_capacity(device_ids.len());
    for device_id in &device_ids {
        found.push(find(&app, device_id).await.ok().filter(|device| user.may_see(&device.id)));
    }
    let devices: Vec<_> = found.iter().flatten().cloned().collect();
    // What is wrong with the command itself is wrong for all.
    commands::prepare(0, &user.username, request.clone())?;
    let mut outcomes = commands::ask_many(&app, &devices, &user, &request).await?.into_iter();
    let mut parts = Vec::with_capacity(device_ids.len());
    for (device_id, device) in device_ids.into_iter().zip(found) {
        let outcome = match device {
            Some(device) => outcomes.next().map(|outcome| {
                outcome.map(|row| View::of(device.id.as_str(), row)).map_err(|refused| refused.to_string())
            }),
            None => None,
        };
        let device_id = device_id.chars().take(64).collect();
        parts.push(match outcome.unwrap_or_else(|| Err("there is no such device".to_owned())) {
            Ok(view) => Part { device_id, command: Some(view), error: None },
            Err(words) => Part { device_id, command: None, error: Some(words) },
        });
    }
    Ok((StatusCode::MULTI_STATUS, Json(json!({ "commands": parts }))).into_response())
}

/// As [`commands::permit`]; a refusal is written down.
async fn permit(app: &App, user: &User, path: &str, action: &str) -> Result<(), Problem> {
    let permitted = commands::permit(user, action);
    if let Err(refused) = &permitted {
        noted::refused(app, user, path, &refused.to_string()).await;
    }
    Ok(permitted?)
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    RawId(id): RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    let (key, limit) = (device.key, query.limit(DEFAULT_LISTED, MAX_LISTED)?);
    let rows = app.store.read(move |db| table::list(db, key, limit)).await?;
    let views: Vec<_> = rows.into_iter().map(|row| View::of(device.id.as_str(), row)).collect();
    Ok(Json(json!({ "device_id": device.id, "commands": views })).into_response())
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    RawIds(id, command_id): RawIds,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    let key = device.key;
    let row = app.store.read(move |db| table::find(db, key, &command_id)).await?;
    let row = row.ok_or_else(|| Problem::not_found("this device has no such command"))?;
    Ok(Json(View::of(device.id.as_str(), row)).into_response())
}

pub(super) async fn audit(State(app): State<Arc<App>>, query: Parameters) -> Result<Response, Problem> {
    let limit = query.limit(DEFAULT_LISTED, MAX_LISTED)?;
    let text = |name| query.text(name).map(str::to_owned);
    let filter = audit::Filter {
        from: query.time("from")?,
        to: query.time("to")?,
        who: text("who"),
        action: text("action"),
        subject: text("subject"),
    };
    let entries = app.store.read(move |db| audit::list(db, &filter, limit)).await?;
    Ok(Json(json!({ "audit": entries })).into_response())
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Field(field, words) => Self::bad_field(field, words),
            Refused::Role(words) => Self::role(words),
            Refused::Conflict(words) => Self::conflict(words),
            Refused::Store(error) => error.into(),
        }
    }
}
