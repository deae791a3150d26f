//! `/api/uwb`: where UWB tags are, and were.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::guard::LoggedIn;
use super::id::RawId;
use super::problem::Problem;
use super::query::Parameters;
use crate::app::App;
use crate::store::uwb;
use crate::uwb::visible;

const DEFAULT_LOCATIONS: usize = 1_000;

pub(super) async fn list(State(app): State<Arc<App>>, LoggedIn(user): LoggedIn) -> Response {
    Json(app.uwb.list(&app, &user)).into_response()
}

pub(super) async fn history(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(tag): RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    if app.uwb.find(&app, &user, &tag).is_none() {
        return Err(Problem::not_found("no UWB tag of that name was heard of"));
    }
    let from = query.time("from")?.unwrap_or(i64::MIN);
    let to = query.time("to")?.unwrap_or(i64::MAX);
    if from > to {
        return Err(Problem::bad_field("from", "from is after to"));
    }
    let limit = query.limit(DEFAULT_LOCATIONS, usize::try_from(uwb::HISTORY).unwrap_or(usize::MAX))?;
    let (id, devices) = (tag.clone(), visible(&app, &user).await);
    let read = app.store.read(move |db| uwb::history(db, &id, devices.as_deref(), (from, to), limit));
    let (locations, truncated) = read.await?;
    Ok(Json(json!({ "device_id": tag, "locations": locations, "truncated": truncated })).into_response())
}
