//! What webhooks are told: queued with what happened, in the same transaction, so that neither is without the other.

use data_encoding::BASE32_NOPAD;
use ems_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Secret, Webhook, list};

/// Deliveries of one webhook that may wait; what comes then is counted and not queued.
const MAX_PENDING: u32 = 10_000;
/// Deliveries of one webhook that have ended and are remembered.
const MAX_ENDED: i64 = 1_000;
/// No retry is further away: if one is, the clock was set back.
const FURTHEST_MS: i64 = 6 * 3600 * 1000;

/// A delivery as admins see it.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Names it.
    pub id: i64,
    /// The `webhook-id` header: the same at each attempt.
    pub message_id: String,
    /// The type of event.
    pub event: String,
    /// `pending`, `delivered` or `failed`.
    pub state: String,
    /// How often it was sent.
    pub attempts: u32,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it is sent next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was sent last.
    pub last_attempt_at: Option<Timestamp>,
    /// How long that took, in ms.
    pub duration_ms: Option<i64>,
    /// The status of the answer.
    pub response_status: Option<u16>,
    /// Why it was not taken.
    pub error: Option<String>,
}

/// One to be sent now. Without `Debug`: it holds the secret.
pub struct Due {
    /// Names it.
    pub id: i64,
    /// The `webhook-id` header.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// When it happened, ms since 1970.
    pub created_at: i64,
    /// How often it was sent.
    pub attempts: u32,
    /// Where to.
    pub url: String,
    /// What signs it.
    pub secret: Secret,
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// When it began, ms since 1970.
    pub at: i64,
    /// How long it took, in ms.
    pub duration_ms: i64,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why it was not taken; nothing if it was.
    pub error: Option<String>,
    /// When to try again, ms since 1970; never without it.
    pub next_at: Option<i64>,
}

/// Queues what happened for each webhook that is to be told of it.
pub fn enqueue(
    db: &Connection,
    event: &str,
    device: &DeviceId,
    data: &Value,
    now: i64,
) -> rusqlite::Result<()> {
    let any: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM webhooks WHERE enabled)")?
        .query_row([], |row| row.get(0))?;
    if !any {
        return Ok(());
    }
    for webhook in list(db)? {
        if webhook.enabled && webhook.events.contains(event) && is_about(db, &webhook, device)? {
            push(db, &webhook, event, data, now)?;
        }
    }
    Ok(())
}

/// Queues one for this webhook; None when too many wait.
pub fn push(
    db: &Connection,
    webhook: &Webhook,
    event: &str,
    data: &Value,
    now: i64,
) -> rusqlite::Result<Option<Delivery>> {
    if webhook.pending >= MAX_PENDING {
        db.execute("UPDATE webhooks SET dropped = dropped + 1 WHERE key = ?", [webhook.id])?;
        return Ok(None);
    }
    let body = json!({ "type": event, "timestamp": Timestamp::from_millis(now), "data": data }).to_string();
    db.prepare_cached(
        "INSERT INTO webhook_deliveries (webhook, message_id, event, body, created_at, next_at) VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![webhook.id, message_id(), event, body, now, now])?;
    find(db, db.last_insert_rowid())
}

/// The webhooks with something to send now.
pub fn due(db: &Connection, now: i64) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(
        "SELECT key FROM webhooks WHERE enabled AND (\
         EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook = key AND next_at IS NOT NULL AND next_at <= ?1) \
         OR EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook = key AND next_at IS NOT NULL AND next_at > ?2))",
    )?
    .query_map([now, now + FURTHEST_MS], |row| row.get(0))?
    .collect()
}

/// What this webhook is to be sent now: what was due first.
pub fn next(db: &Connection, webhook: i64, now: i64) -> rusqlite::Result<Option<Due>> {
    db.prepare_cached(
        "SELECT id, message_id, body, webhook_deliveries.created_at, attempts, url, secret FROM webhook_deliveries \
         JOIN webhooks ON webhooks.key = webhook \
         WHERE webhook = ?1 AND next_at IS NOT NULL AND (next_at <= ?2 OR next_at > ?3) AND enabled \
         ORDER BY next_at, id LIMIT 1",
    )?
    .query_row([webhook, now, now + FURTHEST_MS], |row| {
        Ok(Due {
            id: row.get(0)?,
            message_id: row.get(1)?,
            body: row.get(2)?,
            created_at: row.get(3)?,
            attempts: row.get(4)?,
            url: row.get(5)?,
            secret: Secret(row.get(6)?),
        })
    })
    .optional()
}

/// Notes an attempt; those that ended long ago are forgotten.
pub fn note(db: &Connection, webhook: i64, delivery: i64, attempt: &Attempt) -> rusqlite::Result<()> {
    let state = match (&attempt.error, attempt.next_at) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "pending",
        (Some(_), None) => "failed",
    };
    db.prepare_cached(
        "UPDATE webhook_deliveries SET state = ?2, attempts = attempts + 1, next_at = ?3, last_at = ?4, \
         duration_ms = ?5, status = ?6, error = ?7 WHERE id = ?1",
    )?
    .execute(params![
        delivery,
        state,
        attempt.next_at.filter(|_| attempt.error.is_some()),
        attempt.at,
        attempt.duration_ms,
        attempt.status,
        attempt.error
    ])?;
    if state != "pending" {
        db.prepare_cached(
            "DELETE FROM webhook_deliveries WHERE webhook = ?1 AND next_at IS NULL AND id <= \
             (SELECT id FROM webhook_deliveries WHERE webhook = ?1 AND next_at IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute([webhook, MAX_ENDED])?;
    }
    Ok(())
}

/// Gives up what happened before `before`, also for webhooks that are disabled.
pub fn expire(db: &Connection, before: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, error = coalesce(error, 'it could not be sent for a day') \
         WHERE next_at IS NOT NULL AND created_at < ?",
    )?
    .execute([before])
}

/// The deliveries of a webhook, the newest first.
pub fn list_of(db: &Connection, webhook: i64, limit: usize) -> rusqlite::Result<Vec<Delivery>> {
    db.prepare_cached(&format!("{SELECT} WHERE webhook = ? ORDER BY id DESC LIMIT ?"))?
        .query_map(params![webhook, limit], read)?
        .collect()
}

fn find(db: &Connection, id: i64) -> rusqlite::Result<Option<Delivery>> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?"))?.query_row([id], read).optional()
}

fn is_about(db: &Connection, webhook: &Webhook, device: &DeviceId) -> rusqlite::Result<bool> {
    let Webhook { device_ids, groups, .. } = webhook;
    if device_ids.is_none() && groups.is_none() {
        return Ok(true);
    }
    if device_ids.as_ref().is_some_and(|ids| ids.contains(device)) {
        return Ok(true);
    }
    let groups = serde_json::to_string(groups).unwrap_or_default();
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM group_devices JOIN groups ON groups.key = group_key \
         WHERE device_id = ? AND name IN (SELECT value FROM json_each(?)))",
    )?
    .query_row([device.as_str(), &groups], |row| row.get(0))
}

fn message_id() -> String {
    let mut bytes = [0; 15];
    // It only has to differ: should the kernel have no random bits, the receiver takes two for one.
    let _ = getrandom::fill(&mut bytes);
    format!("msg_{}", BASE32_NOPAD.encode(&bytes).to_lowercase())
}

const SELECT: &str = "SELECT id, message_id, event, state, attempts, created_at, next_at, last_at, duration_ms, status, error \
     FROM webhook_deliveries";

fn read(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let time = |at: Option<i64>| at.map(Timestamp::from_millis);
    Ok(Delivery {
        id: row.get(0)?,
        message_id: row.get(1)?,
        event: row.get(2)?,
        state: row.get(3)?,
        attempts: row.get(4)?,
        created_at: Timestamp::from_millis(row.get(5)?),
        next_attempt_at: time(row.get(6)?),
        last_attempt_at: time(row.get(7)?),
        duration_ms: row.get(8)?,
        response_status: row.get(9)?,
        error: row.get(10)?,
    })
}
