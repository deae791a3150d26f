//! `/api/groups`: devices that people look at together.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ems_protocol::DeviceId;
use serde::Deserialize;
use serde_json::json;

use super::body::JsonBody;
use super::guard::LoggedIn;
use super::id::RawId;
use super::problem::Problem;
use crate::app::App;
use crate::audit;
use crate::store::groups::{self, Group};

const MAX_NAME: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Members {
    device_ids: BTreeSet<DeviceId>,
}

pub(super) async fn list(State(app): State<Arc<App>>, LoggedIn(user): LoggedIn) -> Result<Response, Problem> {
    let mut groups = app.store.read(groups::list).await?;
    for group in &mut groups {
        group.device_ids.retain(|id| user.may_see(id));
    }
    // What is in a group that shows nothing is nobody's who may not see it, and its name says that it is there.
    groups.retain(|group| user.devices.is_none() || !group.device_ids.is_empty());
    Ok(Json(json!({ "groups": groups })).into_response())
}

pub(super) async fn set(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(name): RawId,
    JsonBody(members): JsonBody<Members>,
) -> Result<Response, Problem> {
    let sound = !name.trim().is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    if !sound {
        return Err(Problem::bad_field("group", format!("group: a name has 1 to {MAX_NAME} bytes")));
    }
    let group = Group { name, device_ids: members.device_ids };
    let (key, devices) = (group.name.clone(), group.device_ids.clone());
    app.store.write(move |db| groups::set(db, &key, &devices)).await?;
    audit::note(&app, &user, "group changed", &group.name, json!({ "devices": group.device_ids.len() }))
        .await;
    Ok(Json(group).into_response())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(name): RawId,
) -> Result<StatusCode, Problem> {
    let gone = name.clone();
    if !app.store.write(move |db| groups::remove(db, &gone)).await? {
        return Err(Problem::not_found("there is no such group"));
    }
    audit::note(&app, &user, "group removed", &name, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}
