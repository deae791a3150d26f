//! `/api/devices`: the registry and what is going on now.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ems_protocol::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tracing::info;

use super::body::JsonBody;
use super::guard::LoggedIn;
use super::id::RawId;
use super::problem::Problem;
use crate::app::App;
use crate::audit;
use crate::auth::token::Token;
use crate::fleet::device::Device;
use crate::fleet::presence::Presence;
use crate::store::devices;

/// The longest name for people, in bytes.
pub(super) const MAX_NAME: usize = 200;

#[derive(Serialize)]
struct DeviceList {
    devices: Vec<DeviceView>,
}

#[derive(Serialize)]
struct DeviceView {
    device_id: DeviceId,
    name: Option<String>,
    enabled: bool,
    groups: Vec<String>,
    online: bool,
    connected: bool,
    status: Presence,
    since: Timestamp,
    last_seen: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<Timestamp>,
    latest: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
pub(super) struct NewDevice {
    device_id: DeviceId,
    name: Option<String>,
}

/// The only time that a token leaves the server.
#[derive(Serialize)]
struct Secret {
    device_id: DeviceId,
    token: String,
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

pub(super) async fn add(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    JsonBody(new): JsonBody<NewDevice>,
) -> Result<Response, Problem> {
    if new.name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
        return Err(Problem::bad_field("name", format!("name has at most {MAX_NAME} bytes")));
    }
    let token = new_secret()?;
    let (id, hash) = (new.device_id.clone(), token.hash());
    let added = app.store.write(move |db| devices::add(db, &id, new.name.as_deref(), &hash)).await?;
    if !added {
        return Err(Problem::conflict(format!("there is a device {} already", new.device_id)));
    }
    app.fleet.refresh().await?;
    info!(device_id = %new.device_id, user = user.username, "device registered");
    audit::note(&app, &user, "device registered", new.device_id.as_str(), json!({})).await;
    Ok((StatusCode::CREATED, Json(Secret { device_id: new.device_id, token: token.reveal().into() }))
        .into_response())
}

pub(super) async fn new_token(
    State(app): State<Arc<App>>,
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
    Ok((StatusCode::CREATED, Json(Secret { device_id: device.id.clone(), token: token.reveal().into() }))
        .into_response())
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
            enabled: snapshot.enabled,
            groups: snapshot.groups,
            online: status.online,
            connected: status.connected,
            status: status.status,
            since: status.since,
            last_seen: status.last_seen,
            conflict: status.conflict,
            latest,
        }
    }
}
