//! `POST /api/login`, `/api/logout`, `/api/refresh`, `GET /api/me`.
//!
//! Pages get both tokens as cookies that their scripts cannot read. Programs ask for them in the answer's body, and
//! send the access token as a header.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Extension, FromRequestParts, State};
use axum::http::header::{AUTHORIZATION, InvalidHeaderValue, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ems_protocol::DeviceId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::{info, warn};

use super::Peer;
use super::body::{JsonBody, MaybeJsonBody};
use super::guard::{LoggedIn, check_origin};
use super::problem::Problem;
use crate::app::App;
use crate::audit;
use crate::auth::role::Role;
use crate::auth::sessions::{Refreshed, Tokens, User};
use crate::door::{COOKIE_NAME, Credential, REFRESH_COOKIE_NAME, cookie, cookie_token};

/// Where the refresh token is sent: to no page and no door.
const REFRESH_PATH: &str = "/api/";

#[derive(Deserialize)]
pub(super) struct Login {
    username: String,
    password: String,
    /// The tokens come in the body, and no cookie is set.
    #[serde(default)]
    tokens: bool,
}

#[derive(Deserialize, Default)]
pub(super) struct Refresh {
    refresh_token: Option<String>,
}

/// Who is logged in, and with what.
#[derive(Serialize)]
struct Me {
    username: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Vec<DeviceId>>,
    #[serde(flatten)]
    tokens: Option<Bearer>,
}

#[derive(Serialize)]
struct Bearer {
    token_type: &'static str,
    access_token: String,
    expires_in: u64,
    refresh_token: String,
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
    let address = peer.address.ip();
    app.logins.attempt(address, &login.username, Instant::now()).map_err(|wait| {
        info!(%address, "refused: too many attempts to log in");
        Problem::too_many("too many attempts to log in: wait a moment and try again", wait)
    })?;
    let Some((user, tokens)) = app.sessions.login(login.username, login.password).await? else {
        info!(%address, "refused: wrong user name or password");
        return Err(Problem::unauthenticated("wrong user name or password"));
    };
    info!(user = user.username, %address, "logged in");
    audit::note(&app, &user, "login", &address.to_string(), json!({})).await;
    answer(&app, user, tokens, login.tokens, peer.tls)
}

pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    _: SameSite,
    headers: HeaderMap,
    MaybeJsonBody(Refresh { refresh_token }): MaybeJsonBody<Refresh>,
) -> Result<Response, Problem> {
    let in_body = refresh_token.is_some();
    let token = refresh_token.or_else(|| cookie(&headers, REFRESH_COOKIE_NAME));
    let token = token.ok_or_else(|| Problem::unauthenticated("a refresh token is required: log in first"))?;
    match app.sessions.refresh(&token).await? {
        Refreshed::Done(user, tokens) => answer(&app, user, tokens, in_body, peer.tls),
        Refreshed::Refused => Err(Problem::unauthenticated("the session has ended: log in again")),
        Refreshed::Reused(username) => {
            let address = peer.address.ip();
            warn!(user = username, %address, "a refresh token was used twice: the session is over");
            let (role, session) = (Role::Viewer, String::new());
            let user = User { username, role, devices: None, session };
            audit::note(&app, &user, "refresh token used twice", &address.to_string(), json!({})).await;
            Err(Problem::unauthenticated(
                "this refresh token was used before, so somebody may have a copy of it: the session is over, log in again",
            ))
        }
    }
}

pub(super) async fn logout(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    _: SameSite,
    headers: HeaderMap,
    MaybeJsonBody(Refresh { refresh_token }): MaybeJsonBody<Refresh>,
) -> Result<Response, Problem> {
    let (username, session) = leaving(&app, &headers, refresh_token).await?;
    app.sessions.logout(&session).await?;
    info!(user = username, "logged out");
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookies(
        &mut response,
        &Tokens { access: String::new(), refresh: String::new() },
        [Duration::ZERO; 2],
        peer.tls,
    )?;
    Ok(response)
}

/// Whose session ends. Its access token may have run out.
async fn leaving(
    app: &App,
    headers: &HeaderMap,
    refresh_token: Option<String>,
) -> Result<(String, String), Problem> {
    let access = if headers.contains_key(AUTHORIZATION) {
        match Credential::of(headers, &[]) {
            Credential::Bearer(token) => Some(token),
            _ => None,
        }
    } else {
        cookie_token(headers)
    };
    if let Some(token) = access
        && let Some(user) = app.sessions.authenticate(&token).await?
    {
        return Ok((user.username, user.session));
    }
    let refresh = refresh_token.or_else(|| cookie(headers, REFRESH_COOKIE_NAME));
    refresh
        .and_then(|token| app.sessions.session_of(&token))
        .ok_or_else(|| Problem::unauthenticated("nobody is logged in"))
}

pub(super) async fn me(LoggedIn(user): LoggedIn) -> Response {
    Json(Me::of(user, None)).into_response()
}

impl Me {
    fn of(user: User, tokens: Option<Bearer>) -> Self {
        let devices = user.devices.map(|devices| devices.iter().cloned().collect());
        Self { username: user.username, role: user.role, devices, tokens }
    }
}

fn answer(app: &App, user: User, tokens: Tokens, in_body: bool, tls: bool) -> Result<Response, Problem> {
    let lifetimes = app.sessions.lifetimes();
    if in_body {
        let bearer = Bearer {
            token_type: "Bearer",
            access_token: tokens.access,
            expires_in: lifetimes.access.as_secs(),
            refresh_token: tokens.refresh,
        };
        return Ok(Json(Me::of(user, Some(bearer))).into_response());
    }
    let mut response = Json(Me::of(user, None)).into_response();
    set_cookies(&mut response, &tokens, [lifetimes.access, lifetimes.session], tls)?;
    Ok(response)
}

fn set_cookies(
    response: &mut Response,
    tokens: &Tokens,
    [access, session]: [Duration; 2],
    tls: bool,
) -> Result<(), Problem> {
    let secure = if tls { "; Secure" } else { "" };
    for (name, token, path, life) in [
        (COOKIE_NAME, &tokens.access, "/", access),
        (REFRESH_COOKIE_NAME, &tokens.refresh, REFRESH_PATH, session),
    ] {
        let seconds = life.as_secs();
        let cookie =
            format!("{name}={token}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
        let mut value = HeaderValue::try_from(cookie).map_err(|_: InvalidHeaderValue| {
            Problem::unavailable("the session could not be put into a cookie")
        })?;
        value.set_sensitive(true);
        response.headers_mut().append(SET_COOKIE, value);
    }
    Ok(())
}
