//! `GET /api/devices/{id}/telemetry.csv` and `.ndjson`: a device's history as a file, however long.
//!
//! The next part is read when the client has taken the one before, so an export holds one part in memory; one whose client
//! has gone, or lost its session, ends.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ems_protocol::{DeviceId, Timestamp};
use futures_util::stream;
use rusqlite::Connection;
use serde_json::json;
use tracing::warn;

use super::super::devices::find;
use super::super::guard::LoggedIn;
use super::super::id::RawId;
use super::super::problem::Problem;
use super::super::query::Parameters;
use super::plot::{DEFAULT_SPAN_MS, step};
use super::{Sample, csv};
use crate::app::App;
use crate::auth::sessions::{By, SessionWatch};
use crate::clock;
use crate::store::history::buckets::Bucket;
use crate::store::history::query::{Resolution, Windows};
use crate::store::history::rollup::FIELDS;
use crate::store::samples::{self, Cursor, StoredSample};
use crate::store::{Store, StoreError};

/// Samples in a part, or fewer if they are large.
const PART: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
}

/// `GET …/telemetry.csv`.
pub(in crate::http) async fn as_csv(
    state: State<Arc<App>>,
    user: LoggedIn,
    id: RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    export(state, user, id, query, Format::Csv).await
}

/// `GET …/telemetry.ndjson`.
pub(in crate::http) async fn as_ndjson(
    state: State<Arc<App>>,
    user: LoggedIn,
    id: RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    export(state, user, id, query, Format::Ndjson).await
}

async fn export(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
    query: Parameters,
    format: Format,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    let to = query.time("to")?.unwrap_or_else(|| clock::now().millis());
    let from = query.time("from")?.unwrap_or(to - DEFAULT_SPAN_MS);
    if from > to {
        return Err(Problem::bad_field("from", "from is after to"));
    }
    let key = device.key;
    let rest = match step(&query)? {
        None => Rest::Samples(Cursor::before(from)),
        Some(step) => {
            let windows = app.store.read(move |db| Windows::new(db, key, (from, to), Resolution::Step(step)));
            Rest::Buckets(windows.await?)
        }
    };
    let export = Export {
        device: key,
        id: device.id.clone(),
        to,
        format,
        rest,
        store: app.store.clone(),
        session: app.sessions.watch(&user, By::Session),
        begun: false,
    };
    let body = stream::unfold(Some(export), async |export| export?.next().await);
    let (kind, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Format::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let day = |at| Timestamp::from_millis(at).to_string().chars().take(10).collect::<String>();
    let name = format!("attachment; filename=\"{}_{}_{}.{ending}\"", device.id, day(from), day(to));
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// What is still to be sent.
enum Rest {
    Samples(Cursor),
    Buckets(Windows),
}

struct Export {
    device: i64,
    id: DeviceId,
    to: i64,
    format: Format,
    rest: Rest,
    store: Store,
    session: SessionWatch,
    begun: bool,
}

/// Why a file ends too early: the connection breaks, so that it does not look whole.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the session has ended")]
    Session,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Export {
    /// The next part, and what follows it.
    async fn next(mut self) -> Option<(Result<Bytes, Broken>, Option<Self>)> {
        let (store, device, id, to, format) =
            (self.store.clone(), self.device, self.id.clone(), self.to, self.format);
        let head = !std::mem::replace(&mut self.begun, true);
        let rest = self.rest;
        let part = store.read(move |db| part(db, device, &id, to, format, rest, head));
        let part = tokio::select! {
            part = part => part.map_err(Broken::from),
            _ = self.session.ended() => Err(Broken::Session),
        };
        match part {
            Ok((text, rest)) => {
                let next = rest.map(|rest| Self { rest, ..self });
                Some((Ok(text.into()), next))
            }
            Err(error) => {
                warn!(device_id = %self.id, %error, "an export was broken off");
                Some((Err(error), None))
            }
        }
    }
}

/// The next part as text, and what is left after it.
fn part(
    db: &Connection,
    device: i64,
    id: &DeviceId,
    to: i64,
    format: Format,
    rest: Rest,
    head: bool,
) -> rusqlite::Result<(Vec<u8>, Option<Rest>)> {
    match rest {
        Rest::Samples(cursor) => {
            let (samples, next) = samples::page(db, device, id, cursor, to, PART)?;
            let text = match format {
                Format::Csv => csv::samples(&samples, head),
                Format::Ndjson => lines(samples.into_iter().map(Sample::from)),
            };
            Ok((text, next.map(Rest::Samples)))
        }
        Rest::Buckets(mut windows) => {
            let buckets = windows.next(db)?;
            let (buckets, more) = buckets.map_or((Vec::new(), false), |buckets| (buckets, true));
            let text = match format {
                Format::Csv => csv::buckets(&buckets, head),
                Format::Ndjson => lines(buckets.iter().map(bucket)),
            };
            Ok((text, more.then_some(Rest::Buckets(windows))))
        }
    }
}

impl From<StoredSample> for Sample {
    fn from(stored: StoredSample) -> Self {
        Self { telemetry: stored.telemetry, received_at: Timestamp::from_millis(stored.received_at) }
    }
}

fn lines<T: serde::Serialize>(items: impl Iterator<Item = T>) -> Vec<u8> {
    let mut text = Vec::new();
    for item in items {
        // Our own types always serialise, and a vector takes all.
        let _ = serde_json::to_writer(&mut text, &item);
        text.push(b'\n');
    }
    text
}

fn bucket(bucket: &Bucket) -> serde_json::Value {
    let (charged, discharged) = bucket.rollup.energy.watt_hours();
    let mut line = json!({
        "at": Timestamp::from_millis(bucket.at),
        "samples": bucket.rollup.samples,
        "energy": { "in_wh": charged, "out_wh": discharged, "covered_s": bucket.rollup.energy.covered as f64 / 1e3 },
    });
    if let Some(line) = line.as_object_mut() {
        for ((name, _), stat) in FIELDS.iter().zip(&bucket.rollup.stats).filter(|(_, stat)| stat.count > 0) {
            let values = json!({ "min": stat.min, "mean": stat.mean(), "max": stat.max, "last": stat.last });
            line.insert((*name).to_owned(), values);
        }
    }
    line
}
