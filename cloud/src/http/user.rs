//! The user behind a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::json;
use tracing::{info, warn};

use super::problem::Problem;
use crate::app::App;
use crate::auth::role::Role;
use crate::auth::sessions::User;
use crate::clock;
use crate::door::{Credential, cookie_token, origin_is_ours};
use crate::store::audit;

/// A user with a session.
pub(super) struct LoggedIn(pub(super) User);

/// A user who may send commands.
pub(super) struct Operator(pub(super) User);

/// A user who may provision.
pub(super) struct Admin(pub(super) User);

impl FromRequestParts<Arc<App>> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = if parts.headers.contains_key(AUTHORIZATION) {
            match Credential::of(&parts.headers, &[]) {
                Credential::UserToken(token) => Some(token),
                _ => None,
            }
        } else {
            check_origin(parts, app)?;
            cookie_token(&parts.headers)
        };
        let token = token.ok_or_else(|| Problem::unauthenticated("log in first"))?;
        let user = app.sessions.authenticate(&token).await?;
        user.map(Self).ok_or_else(|| Problem::unauthenticated("the session has ended: log in again"))
    }
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        at_least(Role::Admin, "only an admin may do this", parts, app).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        at_least(Role::Operator, "only an operator or an admin may do this", parts, app).await.map(Self)
    }
}

/// The user, if the role does; a refusal is written down.
async fn at_least(
    role: Role,
    words: &'static str,
    parts: &mut Parts,
    app: &Arc<App>,
) -> Result<User, Problem> {
    let LoggedIn(user) = LoggedIn::from_request_parts(parts, app).await?;
    if user.role >= role {
        return Ok(user);
    }
    info!(user = user.username, path = parts.uri.path(), "refused: {words}");
    let path: String = parts.uri.path().chars().take(200).collect();
    let (who, details, now) = (user.username, json!({ "role": user.role.as_str() }), clock::now().millis());
    let noted = app.store.write(move |db| audit::add(db, now, &who, "refused", &path, &details)).await;
    if let Err(error) = noted {
        warn!(%error, "a refusal could not be written down");
    }
    Err(Problem::role(words))
}

/// Another site's page must not act with our user's cookie. Browsers name their page with everything but plain reads.
pub(super) fn check_origin(parts: &Parts, app: &App) -> Result<(), Problem> {
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    if !reads && origin_is_ours(&parts.headers, &app.allowed_origins) == Some(false) {
        return Err(Problem::role("pages of other origins may not do this"));
    }
    Ok(())
}
