//! `GET /api/devices/{id}/history`: as many points as somebody wants to draw.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ems_protocol::{DeviceId, Timestamp};
use serde::{Serialize, Serializer};

use super::super::devices::find;
use super::super::id::RawId;
use super::super::problem::Problem;
use super::super::query::Parameters;
use crate::app::App;
use crate::clock;
use crate::fleet::device::Device;
use crate::store::history::hour;
use crate::store::history::query::{Resolution, Series, series};
use crate::store::history::rollup::{FIELDS, Stat};

/// What is answered without `from`.
pub(super) const DEFAULT_SPAN_MS: i64 = 24 * 3600 * 1000;
const DEFAULT_WIDTH: i64 = 1_000;
const MAX_WIDTH: i64 = 10_000;
/// The most buckets of one answer when the step is given.
const MAX_BUCKETS: i64 = 20_000;

/// `GET …/history`.
pub(in crate::http) async fn history(
    State(app): State<Arc<App>>,
    RawId(id): RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    let device = find(&app, &id).await?;
    answer(&app, &device, &query).await
}

/// The same for a device that was found.
pub(super) async fn answer(app: &App, device: &Device, query: &Parameters) -> Result<Response, Problem> {
    let to = query.time("to")?.unwrap_or_else(|| clock::now().millis());
    let from = query.time("from")?.unwrap_or(to - DEFAULT_SPAN_MS);
    if from > to {
        return Err(Problem::bad_field("from", "from is after to"));
    }
    let resolution = match step(query)? {
        None => Resolution::Width(query.number("width", 2, MAX_WIDTH)?.unwrap_or(DEFAULT_WIDTH)),
        Some(step) if (to - from) / step < MAX_BUCKETS => Resolution::Step(step),
        Some(_) => {
            let detail = format!(
                "step gives more than {MAX_BUCKETS} points: ask for a coarser step, a shorter time, or an export"
            );
            return Err(Problem::bad_field("step", detail));
        }
    };
    let fields = fields(query)?;
    let (key, device_id) = (device.key, device.id.clone());
    let read = app.store.read(move |db| {
        let series = series(db, key, (from, to), resolution)?;
        // A text of numbers always serialises.
        let body = serde_json::to_vec(&Plot::new(device_id, (from, to), &series, fields)).unwrap_or_default();
        Ok((body, series.damaged))
    });
    let (body, damaged) = read.await?;
    app.damage.tell(device, &damaged);
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// `step`, in ms.
pub(super) fn step(query: &Parameters) -> Result<Option<i64>, Problem> {
    const MAX_S: i64 = 366 * 86_400;
    let seconds = match query.text("step") {
        None => return Ok(None),
        Some("second") => 1,
        Some("minute") => 60,
        Some("hour") => 3_600,
        Some("day") => 86_400,
        Some(text) => match text.parse() {
            Ok(seconds) if (1..=MAX_S).contains(&seconds) => seconds,
            _ => {
                let detail =
                    format!("step is second, minute, hour, day, or a number of seconds from 1 to {MAX_S}");
                return Err(Problem::bad_field("step", detail));
            }
        },
    };
    Ok(Some(seconds * 1000))
}

/// Places of the `fields` that are asked for; none when it is left to us.
pub(super) fn fields(query: &Parameters) -> Result<Option<Vec<usize>>, Problem> {
    let Some(names) = query.text("fields").filter(|names| !names.is_empty()) else { return Ok(None) };
    let place = |name: &str| {
        FIELDS.iter().position(|(known, _)| *known == name).ok_or_else(|| {
            let known: Vec<&str> = FIELDS.iter().map(|(known, _)| *known).collect();
            let name: String = name.chars().take(64).collect();
            Problem::bad_field(
                "fields",
                format!("there is no field {name:?}; fields are {}", known.join(", ")),
            )
        })
    };
    let mut places = names.split(',').map(place).collect::<Result<Vec<usize>, _>>()?;
    places.sort_unstable();
    places.dedup();
    Ok(Some(places))
}

#[derive(Serialize)]
struct Plot {
    device_id: DeviceId,
    from: Timestamp,
    to: Timestamp,
    /// Width of a bucket.
    step_ms: i64,
    source: &'static str,
    /// Where each bucket begins, ms since 1970. One without samples is not there.
    at: Vec<i64>,
    /// How many samples are in it.
    samples: Vec<u32>,
    #[serde(serialize_with = "as_map")]
    series: Vec<(&'static str, Values)>,
    energy: Energies,
    /// Where hours begin that could not be read, ms since 1970: what is missing there was not always missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<i64>,
}

/// Of one field, bucket by bucket; null where it has no value.
#[derive(Serialize)]
struct Values {
    min: Vec<Option<f64>>,
    mean: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    last: Vec<Option<f64>>,
}

/// Of the battery, bucket by bucket.
#[derive(Serialize, Default)]
struct Energies {
    /// Charged.
    in_wh: Vec<f64>,
    /// Discharged.
    out_wh: Vec<f64>,
    /// The time that these are about: without gaps.
    covered_s: Vec<f64>,
}

impl Plot {
    fn new(device_id: DeviceId, (from, to): (i64, i64), series: &Series, fields: Option<Vec<usize>>) -> Self {
        let Series { step, source, buckets, damaged } = series;
        let mut energy = Energies::default();
        for bucket in buckets {
            let (charged, discharged) = bucket.rollup.energy.watt_hours();
            energy.in_wh.push(rounded(charged));
            energy.out_wh.push(rounded(discharged));
            energy.covered_s.push(bucket.rollup.energy.covered as f64 / 1e3);
        }
        let has_values =
            |field: &usize| buckets.iter().any(|b| b.rollup.stats.get(*field).is_some_and(|s| s.count > 0));
        // Unless they are asked for, fields that the device does not have would be long lists of nulls.
        let fields = fields.unwrap_or_else(|| (0..FIELDS.len()).filter(has_values).collect());
        let named = |field: usize| {
            let stats =
                || buckets.iter().map(move |b| b.rollup.stats.get(field).copied().unwrap_or(Stat::NONE));
            let values = |value: fn(Stat) -> f64| {
                stats().map(|stat| (stat.count > 0).then(|| value(stat))).collect::<Vec<_>>()
            };
            let values = Values {
                min: values(|stat| stat.min),
                mean: values(|stat| rounded(stat.mean())),
                max: values(|stat| stat.max),
                last: values(|stat| stat.last),
            };
            FIELDS.get(field).map(|(name, _)| (*name, values))
        };
        Self {
            device_id,
            from: Timestamp::from_millis(from),
            to: Timestamp::from_millis(to),
            step_ms: *step,
            source: source.name(),
            at: buckets.iter().map(|bucket| bucket.at).collect(),
            samples: buckets.iter().map(|bucket| bucket.rollup.samples).collect(),
            series: fields.into_iter().filter_map(named).collect(),
            energy,
            damaged: damaged.iter().map(|damaged| hour::start_of(damaged.hour)).collect(),
        }
    }
}

/// To a millionth, which is finer than any sensor.
pub(super) fn rounded(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    // Beyond the whole numbers of a double nothing is left to round, and −0 is 0.
    if rounded.is_finite() { rounded + 0.0 } else { value }
}

fn as_map<S: Serializer>(series: &[(&'static str, Values)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(series.iter().map(|(name, values)| (name, values)))
}
