//! `/api/alarms`: what is wrong, who has seen it, and when an alarm is raised.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::body::JsonBody;
use super::guard::LoggedIn;
use super::id::RawId;
use super::problem::Problem;
use super::query::Parameters;
use crate::alarms;
use crate::app::App;
use crate::audit;
use crate::clock;
use crate::store::alarms::{self as table, Kind, Rule};
use crate::store::webhooks::deliveries::Told;
use crate::webhooks::{ALARM_ACKNOWLEDGED, ALARM_CLEARED};

const DEFAULT_LISTED: usize = 100;
const MAX_LISTED: usize = 1000;
/// Rules are held against every device each second.
const MAX_RULES: usize = 200;
const MAX_NAME: usize = 200;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    query: Parameters,
) -> Result<Response, Problem> {
    let limit = query.limit(DEFAULT_LISTED, MAX_LISTED)?;
    let all = match query.text("state") {
        None | Some("open") => false,
        Some("all") => true,
        Some(_) => return Err(Problem::bad_field("state", "state is open or all")),
    };
    let alarms = app.store.read(move |db| table::list(db, all, user.devices.as_deref(), limit)).await?;
    Ok(Json(json!({ "alarms": alarms })).into_response())
}

pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("there is no such alarm");
    let id: i64 = id.parse().map_err(|_| missing())?;
    let alarm = app.store.read(move |db| table::find(db, id)).await?.ok_or_else(missing)?;
    if !user.may_see(&alarm.device_id) {
        return Err(missing());
    }
    let (who, now) = (user.username.clone(), clock::now().millis());
    let acknowledged = app.store.write(move |db| {
        let alarm = table::acknowledge(db, id, &who, now)?;
        // Not when somebody had seen it before.
        if let Some(alarm) =
            alarm.as_ref().filter(|alarm| alarm.acknowledged_at.is_some_and(|at| at.millis() == now))
        {
            alarms::report(db, &Told::load(db)?, ALARM_ACKNOWLEDGED, alarm, now)?;
        }
        Ok(alarm)
    });
    let alarm = acknowledged.await?.ok_or_else(missing)?;
    audit::note(&app, &user, "alarm acknowledged", alarm.device_id.as_str(), json!({ "alarm": id })).await;
    alarms::tell(&app, &alarm);
    Ok(Json(alarm).into_response())
}

pub(super) async fn rules(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
) -> Result<Response, Problem> {
    let mut rules = app.store.read(table::rules).await?;
    rules.retain(|rule| rule.device_id.as_ref().is_none_or(|id| user.may_see(id)));
    Ok(Json(json!({ "rules": rules })).into_response())
}

pub(super) async fn add_rule(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    JsonBody(mut rule): JsonBody<Rule>,
) -> Result<Response, Problem> {
    check(&rule)?;
    let new = rule.clone();
    let added = app.store.write(move |db| {
        let room = table::rules(db)?.len() < MAX_RULES;
        if room { table::add_rule(db, &new).map(Some) } else { Ok(None) }
    });
    rule.id =
        added.await?.ok_or_else(|| Problem::conflict(format!("there are at most {MAX_RULES} rules")))?;
    audit::note(&app, &user, "alarm rule added", &rule.name, json!({ "rule": rule.id })).await;
    Ok((StatusCode::CREATED, Json(rule)).into_response())
}

pub(super) async fn remove_rule(
    State(app): State<Arc<App>>,
    LoggedIn(user): LoggedIn,
    RawId(id): RawId,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("there is no such rule");
    let key: i64 = id.parse().map_err(|_| missing())?;
    let now = clock::now().millis();
    let cleared = app.store.write(move |db| {
        let cleared = table::remove_rule(db, key, now)?;
        let told = Told::load(db)?;
        for alarm in cleared.iter().flatten() {
            alarms::report(db, &told, ALARM_CLEARED, alarm, now)?;
        }
        Ok(cleared)
    });
    let cleared = cleared.await?.ok_or_else(missing)?;
    for alarm in &cleared {
        alarms::tell(&app, alarm);
    }
    audit::note(&app, &user, "alarm rule removed", &id, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

fn check(rule: &Rule) -> Result<(), Problem> {
    let wrong = |field, words: &str| Err(Problem::bad_field(field, format!("{field}: {words}")));
    if rule.name.is_empty() || rule.name.len() > MAX_NAME {
        return wrong("name", "expected 1 to 200 bytes");
    }
    if !(0.0..=31_536_000.0).contains(&rule.for_s) {
        return wrong("for_s", "expected 0 to 31536000 s");
    }
    if !(0.0..=1e12).contains(&rule.hysteresis) {
        return wrong("hysteresis", "expected a number that is not negative");
    }
    let compares = matches!(rule.kind, Kind::Below | Kind::Above);
    let name = |text: &str| {
        !text.is_empty() && text.len() <= 64 && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    match (&rule.field, rule.threshold) {
        (Some(field), _) if compares && !field.split('.').all(name) => {
            wrong("field", "expected the path of a number, for example battery.soc")
        }
        (Some(_), Some(_)) if compares => Ok(()),
        (None, _) if compares => wrong("field", "is required for below and above, for example battery.soc"),
        (_, None) if compares => wrong("threshold", "is required for below and above"),
        (None, None) => Ok(()),
        _ => wrong("field", "and threshold are for below and above only"),
    }
}
