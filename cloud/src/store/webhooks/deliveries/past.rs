//! What is given up, and what is forgotten.

use rusqlite::{Connection, OptionalExtension, params};

/// Deliveries of one webhook that have ended and are remembered.
pub(super) const MAX_ENDED: i64 = 1_000;
/// Rows that are given up or forgotten in one go: samples wait for the thread that does it.
pub const CHUNK: usize = 500;
/// Gives up some of what happened before `before`, also for webhooks that are disabled; how many. When it is [`CHUNK`]
/// there may be more.
pub fn expire(db: &Connection, before: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, body = '', \
         error = coalesce(error, 'it could not be sent for a day') WHERE id IN \
         (SELECT id FROM webhook_deliveries WHERE next_at IS NOT NULL AND created_at < ? ORDER BY created_at LIMIT ?)",
    )?
    .execute(params![before, CHUNK])
}

/// Forgets some of what has ended and happened before `before`, or is beyond what is remembered; how many. When it is
/// [`CHUNK`] or more there may be more.
pub fn forget(db: &Connection, before: i64) -> rusqlite::Result<usize> {
    let mut count = db
        .prepare_cached(
            "DELETE FROM webhook_deliveries WHERE id IN \
             (SELECT id FROM webhook_deliveries WHERE next_at IS NULL AND created_at < ? ORDER BY created_at LIMIT ?)",
        )?
        .execute(params![before, CHUNK])?;
    let full: Vec<i64> = db
        .prepare_cached("SELECT webhook FROM webhook_queues WHERE ended > ?")?
        .query_map([MAX_ENDED], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for webhook in full {
        if count >= CHUNK {
            break;
        }
        count += trim(db, webhook)?;
    }
    Ok(count)
}

/// Forgets what a webhook was told before the last [`MAX_ENDED`]; at most [`CHUNK`] of it.
pub(super) fn trim(db: &Connection, webhook: i64) -> rusqlite::Result<usize> {
    let ended: i64 = db
        .prepare_cached("SELECT ended FROM webhook_queues WHERE webhook = ?")?
        .query_row([webhook], |row| row.get(0))
        .optional()?
        .unwrap_or_default();
    let beyond = usize::try_from(ended - MAX_ENDED).unwrap_or_default();
    if beyond == 0 {
        return Ok(0);
    }
    db.prepare_cached(
        "DELETE FROM webhook_deliveries WHERE id IN \
         (SELECT id FROM webhook_deliveries WHERE webhook = ? AND next_at IS NULL ORDER BY id LIMIT ?)",
    )?
    .execute(params![webhook, beyond.min(CHUNK)])
}
