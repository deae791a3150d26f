//! The user behind a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::app::App;
use crate::auth::role::Role;
use crate::auth::sessions::User;
use crate::door::{Credential, cookie_token, origin_is_ours};

/// A user with a session.
pub(super) struct LoggedIn(pub(super) User);

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
        let LoggedIn(user) = LoggedIn::from_request_parts(parts, app).await?;
        if user.role < Role::Admin {
            tracing::info!(
                user = user.username,
                path = parts.uri.path(),
                "refused: only an admin may do this"
            );
            return Err(Problem::role("only an admin may do this"));
        }
        Ok(Self(user))
    }
}

/// Another site's page must not act with our user's cookie. Browsers name their page with everything but plain reads.
pub(super) fn check_origin(parts: &Parts, app: &App) -> Result<(), Problem> {
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    if !reads && origin_is_ours(&parts.headers, &app.allowed_origins) == Some(false) {
        return Err(Problem::role("pages of other origins may not do this"));
    }
    Ok(())
}
