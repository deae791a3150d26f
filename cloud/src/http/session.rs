//! `POST /api/login`, `/api/logout`, `/api/refresh`, `GET /api/me`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Extension, FromRequestParts, State};
use axum::http::header::{InvalidHeaderValue, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::Peer;
use super::body::JsonBody;
use super::problem::Problem;
use super::user::{LoggedIn, check_origin};
use crate::app::App;
use crate::auth::role::Role;
use crate::auth::sessions::{LIFETIME, User};
use crate::door::COOKIE_NAME;

#[derive(Deserialize)]
pub(super) struct Login {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct Me {
    username: String,
    role: Role,
}

/// A request from a page of ours, or from no page.
pub(super) struct SameSite;

impl FromRequestParts<Arc<App>> for SameSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        check_origin(parts, app).map(|()| Self)
    }
}

pub(super) async fn login(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    _: SameSite,
    JsonBody(login): JsonBody<Login>,
) -> Result<Response, Problem> {
    app.logins.attempt(peer.address.ip(), &login.username, Instant::now()).map_err(|wait| {
        info!(address = %peer.address.ip(), "refused: too many attempts to log in");
        Problem::too_many(wait)
    })?;
    let Some((user, token)) = app.sessions.login(login.username, login.password).await? else {
        info!(address = %peer.address.ip(), "refused: wrong user name or password");
        return Err(Problem::unauthenticated("wrong user name or password"));
    };
    info!(user = user.username, address = %peer.address.ip(), "logged in");
    with_cookie(me_of(user).into_response(), &token, LIFETIME.as_secs(), peer.tls)
}

pub(super) async fn logout(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    LoggedIn(user): LoggedIn,
) -> Result<Response, Problem> {
    app.sessions.logout(&user).await?;
    info!(user = user.username, "logged out");
    with_cookie(StatusCode::NO_CONTENT.into_response(), "", 0, peer.tls)
}

pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    LoggedIn(user): LoggedIn,
) -> Result<Response, Problem> {
    let token = app.sessions.refresh(&user).await?;
    let token = token.ok_or_else(|| Problem::unauthenticated("the session has ended: log in again"))?;
    with_cookie(me_of(user).into_response(), &token, LIFETIME.as_secs(), peer.tls)
}

pub(super) async fn me(LoggedIn(user): LoggedIn) -> Response {
    me_of(user).into_response()
}

fn me_of(user: User) -> Json<Me> {
    Json(Me { username: user.username, role: user.role })
}

fn with_cookie(mut response: Response, token: &str, seconds: u64, tls: bool) -> Result<Response, Problem> {
    let secure = if tls { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let mut value = HeaderValue::try_from(cookie).map_err(|_: InvalidHeaderValue| {
        Problem::unavailable("the session could not be put into a cookie")
    })?;
    value.set_sensitive(true);
    response.headers_mut().insert(SET_COOKIE, value);
    Ok(response)
}
