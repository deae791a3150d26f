//! How what happened gets into the queues of those who are told of it.

use data_encoding::BASE32_NOPAD;
use ems_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::super::{Webhook, list_enabled};
use super::{Delivery, find};

/// Deliveries of one webhook that may wait; what comes then is counted and not queued.
pub(super) const MAX_PENDING: u32 = 10_000;
/// The bytes of those.
const MAX_PENDING_BYTES: usize = 16 << 20;

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
