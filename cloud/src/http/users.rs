//! `/api/users`, `/api/sessions`, `/api/me/password`: who may log in, and who is.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ems_protocol::{DeviceId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::body::JsonBody;
use super::guard::LoggedIn;
use super::id::RawId;
use super::problem::Problem;
use crate::app::App;
use crate::audit;
use crate::auth::password::PasswordError;
use crate::auth::role::Role;
use crate::auth::user::{MAX_NAME, is_sound_name};
use crate::clock;
use crate::store::users::{self, Kept, UserRow};

/// Sessions in one answer.
const MAX_SESSIONS: usize = 1000;

#[derive(Serialize)]
struct View {
    username: String,
    role: Role,
    /// None: all.
    devices: Option<BTreeSet<DeviceId>>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    username: String,
    password: String,
    role: Role,
    #[serde(default)]
    devices: Option<BTreeSet<DeviceId>>,
}

/// What is left out stays; `devices: null` lets the user see all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    role: Option<Role>,
    password: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[expect(clippy::option_option, reason = "left out, null and a list are three things")]
    devices: Option<Option<BTreeSet<DeviceId>>>,
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    old_password: String,
    new_password: String,
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let users: Vec<_> = app.store.read(users::list).await?.into_iter().map(View::of).collect();
    Ok(Json(json!({ "users": users })).into_response())
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    LoggedIn(admin): LoggedIn,
    JsonBody(new): JsonBody<NewUser>,
) -> Result<Response, Problem> {
    if !is_sound_name(&new.username) {
        let words =
            format!("username: expected 1 to {MAX_NAME} characters, none of them at its ends is a space");
        return Err(Problem::bad_field("username", words));
    }
    let hash = hashed(&app, "password", new.password).await?;
    let (name, role, devices, now) =
        (new.username.clone(), new.role, new.devices.clone(), clock::now().millis());
    let added = app.store.write(move |db| {
        let added = users::add(db, &name, &hash, role, now)?;
        if added && devices.is_some() {
            // Not the last admin: whoever asks is one.
            let _ = users::set_devices(db, &name, devices.as_ref())?;
        }
        users::find(db, &name).map(|row| row.filter(|_| added))
    });
    let Some(row) = added.await? else {
        return Err(Problem::conflict(format!("there is a user {} already", new.username)));
    };
    audit::note(&app, &admin, "user added", &new.username, json!({ "role": role, "devices": new.devices }))
        .await;
    Ok((StatusCode::CREATED, Json(View::of(row))).into_response())
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    LoggedIn(admin): LoggedIn,
    RawId(name): RawId,
    JsonBody(change): JsonBody<Change>,
) -> Result<Response, Problem> {
    let hash = match change.password {
        Some(password) => Some(hashed(&app, "password", password).await?),
        None => None,
    };
    let details = json!({ "role": change.role, "devices": change.devices, "password": hash.is_some() });
    let (subject, now) = (name.clone(), clock::now().millis());
    let outcome = app.store.write(move |db| {
        if let Some(devices) = &change.devices
            && let Err(kept) = users::set_devices(db, &name, devices.as_ref())?
        {
            return Ok(Err(kept));
        }
        if let Some(role) = change.role
            && let Err(kept) = users::set_role(db, &name, role)?
        {
            return Ok(Err(kept));
        }
        if let Some(hash) = &hash
            && let Err(kept) = users::set_password(db, &name, hash, now)?
        {
            return Ok(Err(kept));
        }
        Ok(users::find(db, &name)?.ok_or(Kept::Unknown))
    });
    let row = outcome.await?.map_err(|kept| refusal(kept, &subject))?;
    audit::note(&app, &admin, "user changed", &subject, details).await;
    Ok(Json(View::of(row)).into_response())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    LoggedIn(admin): LoggedIn,
    RawId(name): RawId,
) -> Result<StatusCode, Problem> {
    let gone = name.clone();
    app.store.write(move |db| users::remove(db, &gone)).await?.map_err(|kept| refusal(kept, &name))?;
    audit::note(&app, &admin, "user removed", &name, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever is logged in gives a new password, and has to log in with it.
pub(super) async fn set_own_password(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    JsonBody(new): JsonBody<NewPassword>,
) -> Result<StatusCode, Problem> {
    app.logins.attempt_of(&user.username).map_err(|wait| {
        Problem::too_many("too many attempts to change the password: wait a moment and try again", wait)
    })?;
    if !app.sessions.knows_password(&user.username, new.old_password).await? {
        return Err(Problem::bad_field("old_password", "old_password is not the present password"));
    }
    let hash = hashed(&app, "new_password", new.new_password).await?;
    let (name, now) = (user.username.clone(), clock::now().millis());
    let outcome = app.store.write(move |db| users::set_password(db, &name, &hash, now)).await?;
    outcome.map_err(|kept| refusal(kept, &user.username))?;
    audit::note(&app, &user, "password changed", &user.username, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn sessions(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let now = clock::now().millis();
    let sessions = app.store.read(move |db| users::open_sessions(db, now, MAX_SESSIONS)).await?;
    Ok(Json(json!({ "sessions": sessions })).into_response())
}

pub(super) async fn end_session(
    State(app): State<Arc<App>>,
    LoggedIn(admin): LoggedIn,
    RawId(session): RawId,
) -> Result<StatusCode, Problem> {
    if !app.sessions.logout(&session).await? {
        return Err(Problem::not_found("there is no such session"));
    }
    audit::note(&app, &admin, "session ended", &session, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

impl View {
    fn of(row: UserRow) -> Self {
        Self { username: row.username, role: row.role, devices: row.devices, created_at: row.created_at }
    }
}

fn refusal(kept: Kept, name: &str) -> Problem {
    let name: String = name.chars().take(MAX_NAME).collect();
    match kept {
        Kept::Unknown => Problem::not_found(format!("there is no user {name:?}")),
        Kept::LastAdmin => Problem::conflict(kept.to_string()),
    }
}

async fn hashed(app: &App, field: &'static str, password: String) -> Result<String, Problem> {
    match app.sessions.hash_password(password).await {
        Ok(hash) => Ok(hash),
        Err(error @ PasswordError::Length(_)) => Err(Problem::bad_field(field, format!("{field}: {error}"))),
        Err(_) => Err(Problem::unavailable("the password could not be hashed")),
    }
}

/// Tells a field that is null from one that is left out.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
