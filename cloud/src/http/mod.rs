//! The HTTP side: the API, the probes, the page.

mod body;
mod commands;
mod devices;
mod headers;
mod history;
pub mod id;
mod page;
mod probes;
pub mod problem;
mod session;
mod user;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::door;
use problem::Problem;

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
    let api = Router::new()
        .route("/login", post(session::login))
        .route("/logout", post(session::logout))
        .route("/refresh", post(session::refresh))
        .route("/me", get(session::me))
        .route("/devices", get(devices::list).post(devices::add))
        .route("/devices/{id}", get(devices::show).delete(devices::remove))
        .route("/devices/{id}/token", post(devices::new_token))
        .route("/devices/{id}/telemetry", get(history::telemetry))
        .route("/devices/{id}/events", get(history::events))
        .route("/devices/{id}/commands", get(commands::list).post(commands::send))
        .route("/devices/{id}/commands/{command_id}", get(commands::show))
        .route("/commands", post(commands::send_to_many))
        .route("/audit", get(commands::audit))
        .fallback(not_found);
    let sockets = Router::new()
        .route("/device/{id}", get(door::device_or_user))
        .route("/dashboard/{id}", get(door::user))
        .fallback(not_found);
    Router::new()
        .nest("/api", api)
        .nest("/ws", sockets)
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .fallback_service(page::router())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(headers::secure))
        .with_state(app)
}

async fn not_found() -> Response {
    Problem::not_found("there is nothing at this address").into_response()
}

async fn method_not_allowed() -> Response {
    Problem::method_not_allowed().into_response()
}
