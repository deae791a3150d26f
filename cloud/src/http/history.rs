//! What a device has sent: `GET /api/devices/{id}/telemetry`, `/history`, `/events`, and exports.

mod csv;
mod export;
mod plot;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ems_protocol::{DeviceId, Telemetry, Timestamp};
use serde::Serialize;

pub(super) use export::{as_csv, as_ndjson};
pub(super) use plot::history;

use super::devices::find;
use super::id::RawId;
use super::problem::Problem;
use super::query::Parameters;
use crate::app::App;
use crate::clock;
use crate::store::{events, samples};

/// What is answered without `from`.
const DEFAULT_SPAN_MS: i64 = 15 * 60 * 1000;
const DEFAULT_SAMPLES: usize = 5_000;
const MAX_SAMPLES: usize = 20_000;
const DEFAULT_EVENTS: usize = 100;
const MAX_EVENTS: usize = 1_000;

#[derive(Serialize)]
struct Page {
    device_id: DeviceId,
    /// Oldest first.
    samples: Vec<Sample>,
    /// Whether there are more after the last one: ask again from its time on.
    truncated: bool,
}

/// A telemetry object, and when it arrived.
#[derive(Serialize)]
struct Sample {
    #[serde(flatten)]
    telemetry: Telemetry,
    received_at: Timestamp,
}

#[derive(Serialize)]
struct Events {
    device_id: DeviceId,
    /// Newest first.
    events: Vec<events::Stored>,
}

pub(super) async fn telemetry(
    State(app): State<Arc<App>>,
    RawId(id): RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    if query.text("step").is_some() {
        return plot::answer(&app, &device, &query).await;
    }
    let to = query.time("to")?.unwrap_or_else(|| clock::now().millis());
    let from = query.time("from")?.unwrap_or(to - DEFAULT_SPAN_MS);
    if from > to {
        return Err(Problem::bad_field("from", "from is after to"));
    }
    let limit = query.limit(DEFAULT_SAMPLES, MAX_SAMPLES)?;
    let (key, id) = (device.key, device.id.clone());
    let history = app.store.read(move |db| samples::range(db, key, &id, from, to, limit)).await?;
    let samples = history.samples.into_iter().map(Sample::from).collect();
    let body = Page { device_id: device.id.clone(), samples, truncated: history.truncated };
    Ok(Json(body).into_response())
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    RawId(id): RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    let limit = query.limit(DEFAULT_EVENTS, MAX_EVENTS)?;
    let key = device.key;
    let (from, to) = (query.time("from")?, query.time("to")?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(Problem::bad_field("from", "from is after to"));
    }
    let span = (from.is_some() || to.is_some()).then(|| (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX)));
    let events = app.store.read(move |db| events::list(db, key, span, limit)).await?;
    Ok(Json(Events { device_id: device.id.clone(), events }).into_response())
}
