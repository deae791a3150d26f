//! `/api/webhooks`: whom to tell over HTTP, and what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ems_protocol::DeviceId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::body::JsonBody;
use super::guard::LoggedIn;
use super::id::RawId;
use super::problem::Problem;
use super::query::Parameters;
use crate::app::App;
use crate::audit;
use crate::clock;
use crate::store::webhooks::{self as table, MAX_WEBHOOKS, Secret, Webhook, deliveries};
use crate::webhooks::check::{Wrong, check as check_all};
use crate::webhooks::{TEST, text_of};

const DEFAULT_LISTED: usize = 100;
const MAX_LISTED: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    url: String,
    events: BTreeSet<String>,
    device_ids: Option<BTreeSet<DeviceId>>,
    groups: Option<BTreeSet<String>>,
}

/// What is left out stays as it is; null takes a restriction away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "left out, null, or given")]
pub(super) struct Change {
    name: Option<String>,
    url: Option<String>,
    events: Option<BTreeSet<String>>,
    #[serde(default, deserialize_with = "given")]
    device_ids: Option<Option<BTreeSet<DeviceId>>>,
    #[serde(default, deserialize_with = "given")]
    groups: Option<Option<BTreeSet<String>>>,
    enabled: Option<bool>,
}

impl Change {
    fn apply(self, webhook: &mut Webhook) {
        fn set<T>(place: &mut T, new: Option<T>) {
            if let Some(new) = new {
                *place = new;
            }
        }
        set(&mut webhook.name, self.name);
        set(&mut webhook.url, self.url);
        set(&mut webhook.events, self.events);
        set(&mut webhook.device_ids, self.device_ids);
        set(&mut webhook.groups, self.groups);
        set(&mut webhook.enabled, self.enabled);
    }
}

/// The only time that a secret leaves the server.
#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    webhook: Webhook,
    secret: String,
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let webhooks = app.store.read(table::list).await?;
    Ok(Json(json!({ "webhooks": webhooks })).into_response())
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    JsonBody(new): JsonBody<New>,
) -> Result<Response, Problem> {
    let mut webhook = Webhook {
        id: 0,
        name: new.name,
        url: new.url,
        events: new.events,
        device_ids: new.device_ids,
        groups: new.groups,
        enabled: true,
        created_at: clock::now(),
        created_by: user.username.clone(),
        pending: 0,
        dropped: 0,
    };
    check(&app, &webhook)?;
    let secret =
        Secret::generate().map_err(|error| Problem::unavailable(format!("no random numbers: {error}")))?;
    let row = webhook.clone();
    let added = app.store.write(move |db| table::add(db, &row, secret));
    let full = || Problem::conflict(format!("there are at most {MAX_WEBHOOKS} webhooks"));
    webhook.id = added.await?.ok_or_else(full)?;
    let details = json!({ "webhook": webhook.id, "events": webhook.events });
    audit::note(&app, &user, "webhook added", &webhook.name, details).await;
    Ok((StatusCode::CREATED, Json(Made { webhook, secret: text_of(secret) })).into_response())
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
    JsonBody(change): JsonBody<Change>,
) -> Result<Response, Problem> {
    let id: i64 = id.parse().map_err(|_| missing())?;
    let checker = app.clone();
    // Read and written in one transaction: what happens meanwhile, such as a 410, is not undone.
    let changed = app.store.write(move |db| {
        let Some(mut webhook) = table::find(db, id)? else { return Ok(Err(missing())) };
        change.apply(&mut webhook);
        if let Err(problem) = check(&checker, &webhook) {
            return Ok(Err(problem));
        }
        table::change(db, &webhook)?;
        Ok(Ok(webhook))
    });
    let webhook = changed.await??;
    let details = json!({ "webhook": webhook.id, "enabled": webhook.enabled, "events": webhook.events });
    audit::note(&app, &user, "webhook changed", &webhook.name, details).await;
    Ok(Json(webhook).into_response())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
) -> Result<StatusCode, Problem> {
    let webhook = find(&app, &id).await?;
    if !app.store.write(move |db| table::remove(db, webhook.id)).await? {
        return Err(missing());
    }
    audit::note(&app, &user, "webhook removed", &webhook.name, json!({ "webhook": webhook.id })).await;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn test(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
) -> Result<Response, Problem> {
    let webhook = find(&app, &id).await?;
    if !webhook.enabled {
        return Err(Problem::conflict("this webhook is disabled: enable it first"));
    }
    let data = json!({ "webhook": webhook.id, "name": webhook.name, "asked_by": user.username });
    let (now, id) = (clock::now().millis(), webhook.id);
    let queued = app.store.write(move |db| deliveries::push(db, id, TEST, &data, now)).await?;
    let delivery = queued.ok_or_else(|| Problem::conflict("too many deliveries wait for this webhook"))?;
    audit::note(&app, &user, "webhook tested", &webhook.name, json!({ "webhook": webhook.id })).await;
    Ok((StatusCode::ACCEPTED, Json(delivery)).into_response())
}

pub(super) async fn list_deliveries(
    State(app): State<Arc<App>>,
    RawId(id): RawId,
    query: Parameters,
) -> Result<Response, Problem> {
    let limit = query.limit(DEFAULT_LISTED, MAX_LISTED)?;
    let webhook = find(&app, &id).await?;
    let deliveries = app.store.read(move |db| deliveries::list_of(db, webhook.id, limit)).await?;
    Ok(Json(json!({ "webhook": webhook.id, "deliveries": deliveries })).into_response())
}

async fn find(app: &App, id: &str) -> Result<Webhook, Problem> {
    let id: i64 = id.parse().map_err(|_| missing())?;
    app.store.read(move |db| table::find(db, id)).await?.ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("there is no such webhook")
}

fn check(app: &App, webhook: &Webhook) -> Result<(), Problem> {
    let wrong = |Wrong { field, words }| Problem::bad_field(field, format!("{field}: {words}"));
    let target = check_all(webhook).map_err(wrong)?;
    // A name is looked up at each delivery.
    if target.address().is_some_and(|address| !app.webhooks.reach().allows(address)) {
        let words = "this address is not of the public internet: allow it with --webhook-allow".to_owned();
        return Err(wrong(Wrong { field: "url", words }));
    }
    Ok(())
}

/// Tells a field that is null from one that is left out.
#[expect(clippy::option_option, reason = "left out, null, or given")]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
