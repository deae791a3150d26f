//! What is sent next, and what came of it.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::Secret;
use super::past::trim;

/// No retry is further away: if one is, the clock was set back.
pub(super) const FURTHEST_MS: i64 = 6 * 3600 * 1000;

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
    // Two looks into the index: one for both would walk past all that waits for later.
    match next_within(db, webhook, i64::MIN, now)? {
        None => next_within(db, webhook, now + FURTHEST_MS + 1, i64::MAX),
        due => Ok(due),
    }
}

fn next_within(db: &Connection, webhook: i64, from: i64, to: i64) -> rusqlite::Result<Option<Due>> {
    db.prepare_cached(
        "SELECT id, message_id, body, webhook_deliveries.created_at, attempts, url, secret FROM webhook_deliveries \
         JOIN webhooks ON webhooks.key = webhook \
         WHERE webhook = ? AND next_at IS NOT NULL AND next_at BETWEEN ? AND ? AND enabled \
         ORDER BY next_at, id LIMIT 1",
    )?
    .query_row([webhook, from, to], |row| {
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

/// Notes that an attempt begins at `now`; nobody else begins one before `again`, should nothing be noted of how it ends.
pub fn begin(db: &Connection, delivery: i64, now: i64, again: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = ?3, last_at = ?2, \
         duration_ms = NULL, status = NULL, error = NULL WHERE id = ?1 AND next_at IS NOT NULL",
    )?
    .execute([delivery, now, again])?;
    Ok(())
}

/// Notes what came of an attempt; those that ended long ago are forgotten.
pub fn note(db: &Connection, webhook: i64, delivery: i64, attempt: &Attempt) -> rusqlite::Result<()> {
    let state = match (&attempt.error, attempt.next_at) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "pending",
        (Some(_), None) => "failed",
    };
    db.prepare_cached(
        "UPDATE webhook_deliveries SET state = ?2, next_at = ?3, last_at = ?4, \
         duration_ms = ?5, status = ?6, error = ?7, body = iif(?3 IS NULL, '', body) WHERE id = ?1 \
         AND (?3 IS NULL OR next_at IS NOT NULL)",
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
    if state == "pending" { Ok(()) } else { trim(db, webhook).map(drop) }
}
