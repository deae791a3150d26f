//! One route: where it is, who may take it, what takes it.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;

use super::guard::{Guard, guard};
use crate::app::App;
use crate::auth::role::Role;

/// Who may take a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: it gives nothing away, or has credentials of its own in the request's body.
    Open,
    /// The handler looks at the credentials itself: a door, which also takes devices or a first message.
    Door,
    /// Users of at least this role. A route with `{id}` is of that device, which the user must be allowed to see;
    /// one without it that needs an admin needs one of all devices.
    Role(Role),
}

/// An entry of the table of routes, and of the OpenAPI document.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// Who may take it.
    pub access: Access,
    /// What it does, for the document.
    pub summary: &'static str,
    /// The parameters of its query, by name and schema.
    pub query: &'static [(&'static str, &'static str)],
    /// The schema of its body.
    pub takes: Option<&'static str>,
    /// The status of success, and the schema of what is answered.
    pub gives: (u16, Option<&'static str>),
    /// The media type of an answer that is not JSON.
    pub text: Option<&'static str>,
    /// Statuses of failure beyond those that its access, its body and its path bring.
    pub fails: &'static [u16],
    handler: MethodRouter<Arc<App>>,
}

impl Route {
    /// A route that answers 200 without a JSON body.
    pub(super) fn new(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: MethodRouter<Arc<App>>,
    ) -> Self {
        let (query, takes, gives, text, fails) = (&[][..], None, (200, None), None, &[][..]);
        Self { method, path, access, summary, query, takes, gives, text, fails, handler }
    }

    pub(super) fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    pub(super) fn takes(self, schema: &'static str) -> Self {
        Self { takes: Some(schema), ..self }
    }

    pub(super) fn gives(self, status: u16, schema: &'static str) -> Self {
        Self { gives: (status, Some(schema)), ..self }
    }

    pub(super) fn answers(self, status: u16) -> Self {
        Self { gives: (status, None), ..self }
    }

    pub(super) fn text(self, kind: &'static str) -> Self {
        Self { text: Some(kind), ..self }
    }

    pub(super) fn fails(self, fails: &'static [u16]) -> Self {
        Self { fails, ..self }
    }

    /// Adds the route with its guard.
    pub(super) fn add_to(self, router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
        let handler = match self.access {
            Access::Open | Access::Door => self.handler,
            Access::Role(needs) => {
                let state = Guard { app: app.clone(), needs };
                self.handler.route_layer(from_fn_with_state(state, guard))
            }
        };
        router.route(self.path, handler)
    }
}
