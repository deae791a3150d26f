//! What webhooks are told: queued with what happened, in the same transaction, so that neither is without the other.

use data_encoding::BASE32_NOPAD;
use ems_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Secret, Webhook, list_enabled};

/// Deliveries of one webhook that may wait; what comes then is counted and not queued.
const MAX_PENDING: u32 = 10_000;
/// The bytes of those.
const MAX_PENDING_BYTES: usize = 16 << 20;
/// Deliveries of one webhook that have ended and are remembered.
const MAX_ENDED: i64 = 1_000;
/// Rows that are given up or forgotten in one go: samples wait for the thread that does it.
pub const CHUNK: usize = 500;
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

/// Whom to tell, read once for all that happens in one transaction.
pub struct Told(Vec<Webhook>);

impl Told {
    /// The webhooks that are enabled.
    pub fn load(db: &Connection) -> rusqlite::Result<Self> {
        list_enabled(db).map(Self)
    }

    /// Queues what happened for each webhook that is to be told of it.
    pub fn enqueue(
        &self,
        db: &Connection,
        event: &str,
        device: &DeviceId,
        data: &Value,
        now: i64,
    ) -> rusqlite::Result<()> {
        let mut body = None;
        for webhook in &self.0 {
            if webhook.events.contains(event) && is_about(db, webhook, device)? {
                let body = body.get_or_insert_with(|| body_of(event, data, now));
                insert(db, webhook.id, event, body, now)?;
            }
        }
        Ok(())
    }
}

/// Queues one for this webhook; None when too many wait.
pub fn push(
    db: &Connection,
    webhook: i64,
    event: &str,
    data: &Value,
    now: i64,
) -> rusqlite::Result<Option<Delivery>> {
    let id = insert(db, webhook, event, &body_of(event, data, now), now)?;
    id.map_or(Ok(None), |id| find(db, id))
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

/// The deliveries of a webhook, the newest first.
pub fn list_of(db: &Connection, webhook: i64, limit: usize) -> rusqlite::Result<Vec<Delivery>> {
    db.prepare_cached(&format!("{SELECT} WHERE webhook = ? ORDER BY id DESC LIMIT ?"))?
        .query_map(params![webhook, limit], read)?
        .collect()
}

fn find(db: &Connection, id: i64) -> rusqlite::Result<Option<Delivery>> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?"))?.query_row([id], read).optional()
}

/// The id of what was queued; None when too many wait, which is counted.
fn insert(db: &Connection, webhook: i64, event: &str, body: &str, now: i64) -> rusqlite::Result<Option<i64>> {
    let full = db
        .prepare_cached(
            "UPDATE webhook_queues SET dropped = dropped + 1 \
             WHERE webhook = ?1 AND (pending >= ?2 OR pending_bytes + ?3 > ?4)",
        )?
        .execute(params![webhook, MAX_PENDING, body.len(), MAX_PENDING_BYTES])?;
    if full == 1 {
        return Ok(None);
    }
    db.prepare_cached(
        "INSERT INTO webhook_deliveries (webhook, message_id, event, body, created_at, next_at) VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![webhook, message_id(), event, body, now, now])?;
    Ok(Some(db.last_insert_rowid()))
}

/// Forgets what a webhook was told before the last [`MAX_ENDED`]; at most [`CHUNK`] of it.
fn trim(db: &Connection, webhook: i64) -> rusqlite::Result<usize> {
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

fn body_of(event: &str, data: &Value, now: i64) -> String {
    json!({ "type": event, "timestamp": Timestamp::from_millis(now), "data": data }).to_string()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::store::schema;
    use crate::store::webhooks::{self, find as webhook, remove};

    const KIND: &str = "alarm.raised";

    fn database(dir: &Path) -> Connection {
        schema::open(&dir.join("ems.db")).unwrap()
    }

    fn add(db: &Connection) -> i64 {
        let new = Webhook {
            id: 0,
            name: "ops".into(),
            url: "https://example.org/".into(),
            events: BTreeSet::from([KIND.to_owned()]),
            device_ids: None,
            groups: None,
            enabled: true,
            created_at: Timestamp::from_millis(0),
            created_by: "admin".into(),
            pending: 0,
            dropped: 0,
        };
        webhooks::add(db, &new, Secret([0; 32])).unwrap()
    }

    fn tell(db: &Connection, count: i64, data: &Value) {
        let (told, device) = (Told::load(db).unwrap(), "ems_001".parse().unwrap());
        for now in 0..count {
            told.enqueue(db, KIND, &device, data, now).unwrap();
        }
    }

    fn attempt(error: Option<&str>, next_at: Option<i64>) -> Attempt {
        Attempt { at: 0, duration_ms: 1, status: None, error: error.map(str::to_owned), next_at }
    }

    /// Pending, their bytes, ended: as kept, and as counted.
    fn queue(db: &Connection, id: i64) -> (i64, i64, i64) {
        let read =
            |query| db.query_row(query, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let kept = read("SELECT pending, pending_bytes, ended FROM webhook_queues WHERE webhook = ?");
        let counted = read(
            "SELECT count(next_at), coalesce(sum(iif(next_at IS NULL, 0, octet_length(body))), 0), \
             count(*) - count(next_at) FROM webhook_deliveries WHERE webhook = ?",
        );
        assert_eq!(kept, counted);
        kept
    }

    #[test]
    fn what_waits_and_what_has_ended_is_counted_through_all_that_happens_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let db = database(dir.path());
        let (id, other) = (add(&db), add(&db));
        tell(&db, 10, &json!({"n": 1}));
        assert_eq!(queue(&db, id).0, 10);
        let first = next(&db, id, 100).unwrap().unwrap().id;
        begin(&db, first, 100, 400).unwrap();
        let set_back = next(&db, other, -2 * FURTHEST_MS).unwrap();
        assert!(set_back.is_some(), "a clock that was set back holds up nothing");
        assert_ne!(next(&db, id, 399).unwrap().unwrap().id, first, "it is under way");
        note(&db, id, first, &attempt(Some("no"), Some(500))).unwrap();
        assert_eq!((queue(&db, id).0, list_of(&db, id, 10).unwrap()[9].attempts), (10, 1));
        note(&db, id, first, &attempt(None, Some(500))).unwrap();
        assert_eq!(queue(&db, id).2, 1);
        // What was given up meanwhile does not wait again.
        let second = next(&db, id, 100).unwrap().unwrap().id;
        assert_eq!(expire(&db, 5).unwrap(), 4 + 5);
        note(&db, id, second, &attempt(Some("no"), Some(500))).unwrap();
        assert_eq!((queue(&db, id).0, queue(&db, id).2, queue(&db, other).0), (5, 5, 5));
        assert_eq!(forget(&db, 3).unwrap(), 6);
        assert_eq!((queue(&db, id).2, webhook(&db, id).unwrap().unwrap().pending), (2, 5));
        assert!(remove(&db, id).unwrap());
        let left: i64 =
            db.query_row("SELECT count(*) FROM webhook_deliveries", [], |row| row.get(0)).unwrap();
        assert_eq!((left, queue(&db, other)), (7, queue(&db, other)));
    }

    #[test]
    fn a_full_queue_counts_what_it_does_not_take_by_number_and_by_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = database(dir.path());
        let id = add(&db);
        let transaction = db.transaction().unwrap();
        tell(&transaction, i64::from(MAX_PENDING) + 3, &json!({}));
        let full = webhook(&transaction, id).unwrap().unwrap();
        assert_eq!((full.pending, full.dropped), (MAX_PENDING, 3));
        transaction.rollback().unwrap();
        tell(&db, 20, &json!({"text": "x".repeat(1 << 20)}));
        let full = webhook(&db, id).unwrap().unwrap();
        assert_eq!((full.pending, full.dropped), (15, 5));
        assert!(push(&db, id, KIND, &json!("y".repeat(1 << 20)), 0).unwrap().is_none());
        assert!(push(&db, id, KIND, &json!("short"), 0).unwrap().is_some(), "what still fits is taken");
    }

    #[test]
    fn the_last_thousand_that_ended_are_remembered_also_behind_a_long_queue() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = database(dir.path());
        let id = add(&db);
        let transaction = db.transaction().unwrap();
        tell(&transaction, MAX_ENDED + 700, &json!({}));
        let newest = next(&transaction, id, i64::MAX / 2).unwrap().unwrap().id;
        while expire(&transaction, MAX_ENDED + 600).unwrap() > 0 {}
        assert_eq!(queue(&transaction, id).2, MAX_ENDED + 600);
        assert_eq!((forget(&transaction, 0).unwrap(), forget(&transaction, 0).unwrap()), (CHUNK, 100));
        assert_eq!(forget(&transaction, 0).unwrap(), 0);
        assert_eq!(queue(&transaction, id).2, MAX_ENDED);
        let first: i64 =
            transaction.query_row("SELECT min(id) FROM webhook_deliveries", [], |row| row.get(0)).unwrap();
        assert_eq!(first, newest + 600, "the oldest are forgotten");
        let last = next(&transaction, id, i64::MAX / 2).unwrap().unwrap().id;
        note(&transaction, id, last, &attempt(None, None)).unwrap();
        assert_eq!(queue(&transaction, id), (99, queue(&transaction, id).1, MAX_ENDED));
    }

    #[test]
    fn no_statement_on_the_way_of_an_event_walks_through_what_waits() {
        let dir = tempfile::tempdir().unwrap();
        let db = database(dir.path());
        for query in [
            "SELECT id FROM webhook_deliveries WHERE webhook = 1 AND next_at IS NULL ORDER BY id LIMIT 9",
            "SELECT id FROM webhook_deliveries WHERE next_at IS NULL AND created_at < 1 ORDER BY created_at LIMIT 9",
            "SELECT id FROM webhook_deliveries WHERE next_at IS NOT NULL AND created_at < 1 ORDER BY created_at LIMIT 9",
        ] {
            let plan: String =
                db.query_row(&format!("EXPLAIN QUERY PLAN {query}"), [], |row| row.get(3)).unwrap();
            let index = ["webhook_deliveries_ended", "webhook_deliveries_past", "webhook_deliveries_waiting"];
            assert!(index.iter().any(|index| plan.contains(index)), "{plan}");
        }
    }

    #[test]
    fn an_older_file_is_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ems.db");
        let old = schema::open_version(&path, 6).unwrap();
        old.execute_batch(
            "INSERT INTO webhooks (key, name, url, secret, events, created_at, created_by, dropped) \
             VALUES (1, 'a', 'u', zeroblob(32), '[]', 0, 'b', 7), (2, 'a', 'u', zeroblob(32), '[]', 0, 'b', 0); \
             INSERT INTO webhook_deliveries (webhook, message_id, event, body, created_at, state, next_at) \
             VALUES (1, 'm', 'e', 'four', 0, 'pending', 5), (1, 'n', 'e', 'x', 0, 'failed', NULL)",
        )
        .unwrap();
        drop(old);
        let db = schema::open(&path).unwrap();
        assert_eq!((queue(&db, 1), queue(&db, 2)), ((1, 4, 1), (0, 0, 0)));
        assert_eq!(webhook(&db, 1).unwrap().unwrap().dropped, 7);
    }
}
