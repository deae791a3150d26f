//! For supervisors: is it alive, does it do its work, how much of it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::app::App;

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database takes writes, so that samples are stored and acknowledged.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    if app.stop.is_cancelled() {
        return Problem::unavailable("the server is stopping").into_response();
    }
    match app.store.trouble() {
        None => "ready\n".into_response(),
        Some(trouble) => {
            Problem::unavailable(format!("nothing is stored or acknowledged: {trouble}")).into_response()
        }
    }
}

/// Prometheus.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, OPEN_METRICS)], app.metrics.render()).into_response()
}
