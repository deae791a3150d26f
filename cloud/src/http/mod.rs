//! The HTTP side: the API, the probes, the page.

mod alarms;
mod body;
mod commands;
mod devices;
mod documents;
mod groups;
mod guard;
mod headers;
mod history;
pub mod id;
mod page;
mod probes;
pub mod problem;
pub mod proxy;
mod query;
pub mod route;
mod routes;
mod session;
mod users;
mod uwb;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use problem::Problem;
pub use routes::routes;

/// The longest name of a device for people, in bytes.
pub const MAX_DEVICE_NAME: usize = devices::MAX_NAME;

/// Where a request came in; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Who is asking.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let router = routes::routes().into_iter().fold(Router::new(), |router, route| route.add_to(router, &app));
    router
        .fallback_service(page::router())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(headers::secure))
        .with_state(app)
}

async fn method_not_allowed() -> Response {
    Problem::method_not_allowed().into_response()
}
