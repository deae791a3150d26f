//! `/api/devices`: the registry and what is going on now.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ems_protocol::{DeviceId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tracing::info;

use super::Peer;
use super::body::JsonBody;
use super::guard::LoggedIn;
use super::id::RawId;
use super::problem::Problem;
use crate::actions;
use crate::app::App;
use crate::audit;
use crate::auth::token::Token;
use crate::fleet::device::Device;
use crate::fleet::presence::Presence;
use crate::store::devices;
use crate::store::facts::Facts;

/// The longest name for people, in bytes.
pub(super) const MAX_NAME: usize = 200;
/// The longest notes, in bytes.
const MAX_NOTES: usize = 4000;

#[derive(Serialize)]
struct DeviceList {
    devices: Vec<DeviceView>,
}

#[derive(Serialize)]
struct DeviceView {
    device_id: DeviceId,
    name: Option<String>,
    notes: Option<String>,
    created_at: Timestamp,
    enabled: bool,
    groups: Vec<String>,
    online: bool,
    connected: bool,
    status: Presence,
    since: Timestamp,
    last_seen: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<Timestamp>,
    #[serde(flatten)]
    facts: Option<Facts>,
    latest: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDevice {
    device_id: DeviceId,
    name: Option<String>,
}

/// What is left out stays; `null` takes a name or notes away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "left out, null and a text are three things")]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    notes: Option<Option<String>>,
    enabled: Option<bool>,
}

/// The only time that a token leaves the server.
#[derive(Serialize)]
struct Secret {
    device_id: DeviceId,
    token: String,
    /// For the device's `/etc/ems-edge/config.env`.
    config_env: String,
    /// For the device's command line; it asks for the token, which so stays out of the shell's history.
    setup_command: String,
}

pub(super) async fn list(State(app): State<Arc<App>>, LoggedIn(user): LoggedIn) -> Response {
    let all = app.fleet.all().await;
    let devices =
        all.iter().filter(|device| user.may_see(&device.id)).map(|device| DeviceView::of(device)).collect();
    Json(DeviceList { devices }).into_response()
}

pub(super) async fn show(State(app): State<Arc<App>>, RawId(id): RawId) -> Result<Response, Problem> {
    Ok(Json(DeviceView::of(&*find(&app, &id).await?)).into_response())
}

/// What may be asked of a device, with a schema for each payload.
pub(super) async fn actions(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    let facts = device.snapshot().facts;
    let names = facts.as_ref().map(|(facts, _)| facts.actions.as_slice());
    let said_at = facts.as_ref().map(|(_, at)| at);
    let body = json!({
        "device_id": device.id,
        "known": said_at.is_some(),
        "said_at": said_at,
        "your_role": user.role,
        "actions": actions::views(names),
    });
    Ok(Json(body).into_response())
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
    JsonBody(Change { name, notes, enabled }): JsonBody<Change>,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    check_name(name.as_ref())?;
    check_text("notes", notes.as_ref(), MAX_NOTES)?;
    let details = json!({ "name": name, "notes": notes.is_some(), "enabled": enabled });
    let known = device.id.clone();
    let changed = app.store.write(move |db| {
        let Some(row) = devices::find(db, &known)? else { return Ok(false) };
        let (name, notes) = (name.unwrap_or(row.name), notes.unwrap_or(row.notes));
        devices::describe(db, &known, name.as_deref(), notes.as_deref())?;
        if let Some(enabled) = enabled.filter(|enabled| *enabled != row.enabled) {
            devices::set_enabled(db, &known, enabled)?;
        }
        Ok(true)
    });
    if !changed.await? {
        return Err(Problem::no_device(device.id.as_str()));
    }
    app.fleet.refresh().await?;
    info!(device_id = %device.id, user = user.username, enabled, "device changed");
    let action = match enabled {
        Some(true) => "device enabled",
        Some(false) => "device disabled",
        None => "device changed",
    };
    audit::note(&app, &user, action, device.id.as_str(), details).await;
    Ok(Json(DeviceView::of(&device)).into_response())
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    LoggedIn(user): LoggedIn,
    JsonBody(new): JsonBody<NewDevice>,
) -> Result<Response, Problem> {
    check_name(Some(&new.name))?;
    let token = new_secret()?;
    let (id, hash) = (new.device_id.clone(), token.hash());
    let added = app.store.write(move |db| devices::add(db, &id, new.name.as_deref(), &hash)).await?;
    if !added {
        return Err(Problem::conflict(format!("there is a device {} already", new.device_id)));
    }
    app.fleet.refresh().await?;
    info!(device_id = %new.device_id, user = user.username, "device registered");
    audit::note(&app, &user, "device registered", new.device_id.as_str(), json!({})).await;
    Ok((StatusCode::CREATED, Json(Secret::of(new.device_id, &token, &headers, peer))).into_response())
}

pub(super) async fn new_token(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    let token = new_secret()?;
    let (id, hash) = (device.id.clone(), token.hash());
    if !app.store.write(move |db| devices::set_token(db, &id, &hash)).await? {
        return Err(Problem::no_device(device.id.as_str()));
    }
    app.fleet.refresh().await?;
    info!(device_id = %device.id, user = user.username, "token replaced");
    audit::note(&app, &user, "token replaced", device.id.as_str(), json!({})).await;
    Ok((StatusCode::CREATED, Json(Secret::of(device.id.clone(), &token, &headers, peer))).into_response())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
) -> Result<StatusCode, Problem> {
    let device = find(&app, &id).await?;
    let id = device.id.clone();
    if !app.store.write(move |db| devices::remove(db, &id)).await? {
        return Err(Problem::no_device(device.id.as_str()));
    }
    app.fleet.refresh().await?;
    info!(device_id = %device.id, user = user.username, "device removed");
    audit::note(&app, &user, "device removed", device.id.as_str(), json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The device of that name.
pub(super) async fn find(app: &App, id: &str) -> Result<Arc<Device>, Problem> {
    let device = match id.parse() {
        Ok(id) => app.fleet.find(&id).await,
        Err(_) => None,
    };
    device.ok_or_else(|| Problem::no_device(id))
}

/// A name is one line, in lists and on terminals.
fn check_name(name: Option<&Option<String>>) -> Result<(), Problem> {
    if name.and_then(Option::as_ref).is_some_and(|name| name.contains(char::is_control)) {
        return Err(Problem::bad_field("name", "name has no control characters"));
    }
    check_text("name", name, MAX_NAME)
}

fn check_text(field: &str, text: Option<&Option<String>>, max: usize) -> Result<(), Problem> {
    let too_long = text.and_then(Option::as_ref).is_some_and(|text| text.len() > max);
    if too_long { Err(Problem::bad_field(field, format!("{field} has at most {max} bytes"))) } else { Ok(()) }
}

/// Tells a field that is null from one that is left out.
#[expect(clippy::option_option, reason = "left out, null and a text are three things")]
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Where the admin has found this server: devices find it there too, unless they are on another network.
fn server_url(headers: &HeaderMap, peer: Peer) -> String {
    let is_sound = |host: &&str| {
        !host.is_empty() && host.bytes().all(|c| c.is_ascii_alphanumeric() || b".-:[]".contains(&c))
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(is_sound);
    let scheme = if peer.tls { "wss" } else { "ws" };
    host.map_or_else(|| "wss://HOST".to_owned(), |host| format!("{scheme}://{host}"))
}

impl Secret {
    fn of(device_id: DeviceId, token: &Token, headers: &HeaderMap, peer: Peer) -> Self {
        let (url, token) = (server_url(headers, peer), token.reveal().to_owned());
        let config_env = format!("DEVICE_ID={device_id}\nAPI_TOKEN={token}\nSERVER_URL={url}\n");
        let setup_command = format!("sudo ems-edge setup --set DEVICE_ID={device_id} --set SERVER_URL={url}");
        Self { device_id, token, config_env, setup_command }
    }
}

fn new_secret() -> Result<Token, Problem> {
    Token::generate().map_err(|error| Problem::unavailable(format!("no random numbers: {error}")))
}

impl DeviceView {
    fn of(device: &Device) -> Self {
        let snapshot = device.snapshot();
        let status = snapshot.status;
        let latest = snapshot.latest.and_then(|frame| RawValue::from_string(frame.bare().to_string()).ok());
        Self {
            device_id: status.device_id,
            name: snapshot.name,
            notes: snapshot.notes,
            created_at: snapshot.created_at,
            enabled: snapshot.enabled,
            groups: snapshot.groups,
            online: status.online,
            connected: status.connected,
            status: status.status,
            since: status.since,
            last_seen: status.last_seen,
            conflict: status.conflict,
            facts: snapshot.facts.map(|(facts, _)| facts),
            latest,
        }
    }
}
