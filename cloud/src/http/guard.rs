//! In front of each route of users: who is asking, may this user do that, and a note when not.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ems_protocol::DeviceId;

use super::problem::Problem;
use crate::app::App;
use crate::audit;
use crate::auth::role::Role;
use crate::auth::sessions::User;
use crate::door::{Credential, cookie_token, origin_is_ours};

/// Why an admin of some devices may not do what is of no single one.
const ALL_DEVICES: &str = "only an admin of all devices may do this";

/// What a guarded route needs.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) app: Arc<App>,
    pub(super) needs: Role,
}

/// The user behind a request, whom the guard let pass.
pub(super) struct LoggedIn(pub(super) User);

impl<S: Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let user = parts.extensions.get::<User>().cloned();
        user.map(Self).ok_or_else(|| Problem::unauthenticated("log in first"))
    }
}

/// Lets a request pass, with its user as an extension.
pub(super) async fn guard(
    State(guard): State<Guard>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    // A path that is not even UTF-8 names no device that a restricted user may see.
    let device = match &parameters {
        Ok(parameters) => parameters.iter().find(|(name, _)| *name == "id").map(|(_, id)| id),
        Err(_) => Some(""),
    };
    match guard.admit(&parts, device).await {
        Ok(user) => {
            parts.extensions.insert(user);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl Guard {
    async fn admit(&self, parts: &Parts, device: Option<&str>) -> Result<User, Problem> {
        let user = authenticated(parts, &self.app).await?;
        let words = if user.role < self.needs {
            match self.needs {
                Role::Admin => "only an admin may do this",
                _ => "only an operator or an admin may do this",
            }
        } else if device.is_none() && !user.is_everywhere(self.needs) {
            ALL_DEVICES
        } else if device.is_some_and(|id| !may_see(&user, id)) {
            // The same for devices that do not exist.
            "this user may not see this device"
        } else {
            return Ok(user);
        };
        audit::refused(&self.app, &user, parts.uri.path(), words).await;
        Err(Problem::role(words))
    }
}

fn may_see(user: &User, id: &str) -> bool {
    user.devices.is_none() || id.parse::<DeviceId>().is_ok_and(|id| user.may_see(&id))
}

async fn authenticated(parts: &Parts, app: &App) -> Result<User, Problem> {
    let token = if parts.headers.contains_key(AUTHORIZATION) {
        match Credential::of(&parts.headers, &[]) {
            Credential::Bearer(token) => Some(token),
            _ => None,
        }
    } else {
        check_origin(parts, app)?;
        cookie_token(&parts.headers)
    };
    let token = token.ok_or_else(|| Problem::unauthenticated("log in first"))?;
    let user = app.sessions.authenticate(&token).await?;
    user.ok_or_else(|| Problem::unauthenticated("the session has ended: log in again"))
}

/// Another site's page must not act with our user's cookie. Browsers name their page with everything but plain reads.
pub(super) fn check_origin(parts: &Parts, app: &App) -> Result<(), Problem> {
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    if !reads && origin_is_ours(&parts.headers, &app.allowed_origins) == Some(false) {
        return Err(Problem::role("pages of other origins may not do this"));
    }
    Ok(())
}
