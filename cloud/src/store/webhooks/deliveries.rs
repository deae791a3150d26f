//! What webhooks are told: queued with what happened, in the same transaction, so that neither is without the other.

mod past;
mod queue;
mod sending;
#[cfg(test)]
mod tests;

use ems_protocol::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

pub use past::{CHUNK, expire, forget};
pub use queue::{Told, push};
pub use sending::{Attempt, Due, begin, due, next, note};

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
    /// How often it was sent, counted when an attempt begins.
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

/// The deliveries of a webhook, the newest first.
pub fn list_of(db: &Connection, webhook: i64, limit: usize) -> rusqlite::Result<Vec<Delivery>> {
    db.prepare_cached(&format!("{SELECT} WHERE webhook = ? ORDER BY id DESC LIMIT ?"))?
        .query_map(params![webhook, limit], read)?
        .collect()
}

/// One of them.
pub fn find(db: &Connection, id: i64) -> rusqlite::Result<Option<Delivery>> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?"))?.query_row([id], read).optional()
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
