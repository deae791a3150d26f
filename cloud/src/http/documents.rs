//! `/api/openapi.json`, `/api/asyncapi.json`, `/api/docs`: the contracts.

use axum::Json;
use axum::response::{Html, IntoResponse, Response};

use crate::contract;

pub(super) async fn openapi() -> Response {
    Json(contract::openapi()).into_response()
}

pub(super) async fn asyncapi() -> Response {
    Json(contract::asyncapi()).into_response()
}

pub(super) async fn page() -> Response {
    Html(contract::html()).into_response()
}
