//! Rules for alarms, and the alarms that they have raised.

use std::collections::BTreeSet;

use ems_protocol::{DeviceId, Severity, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use ems_protocol::{Alarm, AlarmKind as Kind, AlarmRule as Rule};

/// An alarm to be raised.
#[derive(Debug, Clone)]
pub struct NewAlarm {
    /// The rule.
    pub rule: Rule,
    /// The device's key.
    pub device: i64,
    /// One sentence.
    pub message: String,
    /// The value that raises it.
    pub value: Option<f64>,
}

/// All rules, the oldest first.
pub fn rules(db: &Connection) -> rusqlite::Result<Vec<Rule>> {
    db.prepare_cached(
        "SELECT key, name, device_id, kind, field, threshold, hysteresis, for_s, severity FROM alarm_rules ORDER BY key",
    )?
    .query_map([], |row| {
        Ok(Rule {
            id: row.get(0)?,
            name: row.get(1)?,
            device_id: row.get::<_, Option<String>>(2)?.and_then(|id| id.parse().ok()),
            kind: kind_of(&row.get::<_, String>(3)?),
            field: row.get(4)?,
            threshold: row.get(5)?,
            hysteresis: row.get(6)?,
            for_s: row.get(7)?,
            severity: severity_of(row.get(8)?),
        })
    })?
    .collect()
}

/// Adds a rule; its id.
pub fn add_rule(db: &Connection, rule: &Rule) -> rusqlite::Result<i64> {
    db.execute(
        "INSERT INTO alarm_rules (name, device_id, kind, field, threshold, hysteresis, for_s, severity) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            rule.name,
            rule.device_id.as_ref().map(DeviceId::as_str),
            name_of(rule.kind),
            rule.field,
            rule.threshold,
            rule.hysteresis,
            rule.for_s,
            rule.severity as i64
        ],
    )?;
    Ok(db.last_insert_rowid())
}

/// Removes a rule, and clears what it has raised: those alarms, or None when there is no such rule.
pub fn remove_rule(db: &Connection, id: i64, now: i64) -> rusqlite::Result<Option<Vec<Alarm>>> {
    let cleared: Vec<i64> = db
        .prepare_cached(
            "UPDATE alarms SET cleared_at = ? WHERE rule = ? AND cleared_at IS NULL RETURNING id",
        )?
        .query_map([now, id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if db.execute("DELETE FROM alarm_rules WHERE key = ?", [id])? == 0 {
        return Ok(None);
    }
    let mut alarms = Vec::with_capacity(cleared.len());
    for id in cleared {
        alarms.extend(find(db, id)?);
    }
    Ok(Some(alarms))
}

/// Raises an alarm, unless the rule has raised one for this device that is not over.
pub fn raise(db: &Connection, new: &NewAlarm, now: i64) -> rusqlite::Result<Option<Alarm>> {
    let NewAlarm { rule, device, message, value } = new;
    let open: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM alarms WHERE device = ? AND rule = ? AND cleared_at IS NULL)",
        )?
        .query_row([*device, rule.id], |row| row.get(0))?;
    let ruled: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM alarm_rules WHERE key = ?)")?
        .query_row([rule.id], |row| row.get(0))?;
    if open || !ruled {
        return Ok(None);
    }
    db.prepare_cached(
        "INSERT INTO alarms (rule, device, name, kind, severity, message, value, threshold, raised_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        rule.id,
        device,
        rule.name,
        name_of(rule.kind),
        rule.severity as i64,
        message,
        value,
        rule.threshold,
        now
    ])?;
    find(db, db.last_insert_rowid())
}

/// The cause is gone.
pub fn clear(db: &Connection, device: i64, rule: i64, now: i64) -> rusqlite::Result<Option<Alarm>> {
    let id: Option<i64> = db
        .prepare_cached(
            "UPDATE alarms SET cleared_at = ? WHERE device = ? AND rule = ? AND cleared_at IS NULL RETURNING id",
        )?
        .query_row([now, device, rule], |row| row.get(0))
        .optional()?;
    id.map_or(Ok(None), |id| find(db, id))
}

/// Somebody has seen it; who was first stays.
pub fn acknowledge(db: &Connection, id: i64, who: &str, now: i64) -> rusqlite::Result<Option<Alarm>> {
    db.execute(
        "UPDATE alarms SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_at IS NULL",
        params![now, who, id],
    )?;
    find(db, id)
}

/// An alarm that is not over.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// The device's key.
    pub device: i64,
    /// The rule that raised it.
    pub rule: i64,
    /// Whether somebody has seen it.
    pub acknowledged: bool,
}

/// All alarms that are not over.
pub fn open(db: &Connection) -> rusqlite::Result<Vec<Open>> {
    db.prepare_cached(
        "SELECT device, rule, acknowledged_at IS NOT NULL FROM alarms WHERE cleared_at IS NULL",
    )?
    .query_map([], |row| Ok(Open { device: row.get(0)?, rule: row.get(1)?, acknowledged: row.get(2)? }))?
    .collect()
}

/// Alarms, the newest first; those that are over only if asked for, and with `devices` only theirs.
pub fn list(
    db: &Connection,
    all: bool,
    devices: Option<&BTreeSet<DeviceId>>,
    limit: usize,
) -> rusqlite::Result<Vec<Alarm>> {
    let devices = devices.map(|ids| serde_json::json!(ids).to_string());
    db.prepare_cached(&format!(
        "{SELECT} WHERE (?1 OR cleared_at IS NULL) \
         AND (?2 IS NULL OR device_id IN (SELECT value FROM json_each(?2))) ORDER BY id DESC LIMIT ?3"
    ))?
    .query_map(params![all, devices, limit], read)?
    .collect()
}

/// One alarm.
pub fn find(db: &Connection, id: i64) -> rusqlite::Result<Option<Alarm>> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?"))?.query_row([id], read).optional()
}

const SELECT: &str = "SELECT id, rule, device_id, alarms.name, kind, severity, message, value, threshold, raised_at, \
     cleared_at, acknowledged_at, acknowledged_by, devices.name FROM alarms JOIN devices ON devices.key = alarms.device";

fn read(row: &Row<'_>) -> rusqlite::Result<Alarm> {
    let device_id: String = row.get(2)?;
    let device_id = DeviceId::try_from(device_id).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let time = |at: Option<i64>| at.map(Timestamp::from_millis);
    Ok(Alarm {
        id: row.get(0)?,
        rule: row.get(1)?,
        device_id,
        device_name: row.get(13)?,
        name: row.get(3)?,
        kind: kind_of(&row.get::<_, String>(4)?),
        severity: severity_of(row.get(5)?),
        message: row.get(6)?,
        value: row.get(7)?,
        threshold: row.get(8)?,
        raised_at: Timestamp::from_millis(row.get(9)?),
        cleared_at: time(row.get(10)?),
        acknowledged_at: time(row.get(11)?),
        acknowledged_by: row.get(12)?,
    })
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Below, "below"),
    (Kind::Above, "above"),
    (Kind::Offline, "offline"),
    (Kind::NoData, "no_data"),
    (Kind::Fault, "fault"),
];

fn name_of(kind: Kind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("fault", |(_, name)| name)
}

fn kind_of(name: &str) -> Kind {
    KINDS.iter().find(|(_, known)| *known == name).map_or(Kind::Fault, |(kind, _)| *kind)
}

fn severity_of(number: i64) -> Severity {
    match number {
        0 => Severity::Info,
        1 => Severity::Warning,
        _ => Severity::Error,
    }
}
