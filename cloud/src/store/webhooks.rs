//! Webhooks: whom to tell over HTTP, of what.

pub mod deliveries;

use std::collections::BTreeSet;

use ems_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Each may have a request under way.
pub const MAX_WEBHOOKS: usize = 50;

/// What signs the messages to one receiver. Without `Debug`.
#[derive(Clone, Copy)]
pub struct Secret(pub [u8; 32]);

impl Secret {
    /// One that nobody can guess. Fails when the kernel has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// A webhook as admins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Names it.
    pub id: i64,
    /// For people.
    pub name: String,
    /// Where to.
    pub url: String,
    /// The types of event that it is told.
    pub events: BTreeSet<String>,
    /// The devices of which it is told; all without it and without groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_ids: Option<BTreeSet<DeviceId>>,
    /// The groups of devices of which it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<BTreeSet<String>>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Deliveries that wait.
    pub pending: u32,
    /// Deliveries that were not even queued, because too many waited.
    pub dropped: u32,
}

/// All of them, the oldest first.
pub fn list(db: &Connection) -> rusqlite::Result<Vec<Webhook>> {
    db.prepare_cached(&format!("{SELECT} ORDER BY key"))?.query_map([], read)?.collect()
}

/// Those that are told anything.
fn list_enabled(db: &Connection) -> rusqlite::Result<Vec<Webhook>> {
    db.prepare_cached(&format!("{SELECT} WHERE enabled ORDER BY key"))?.query_map([], read)?.collect()
}

/// One of them.
pub fn find(db: &Connection, id: i64) -> rusqlite::Result<Option<Webhook>> {
    db.prepare_cached(&format!("{SELECT} WHERE key = ?"))?.query_row([id], read).optional()
}

/// Adds one; its id, or None when there are [`MAX_WEBHOOKS`]. The id that `webhook` has is not looked at.
pub fn add(db: &Connection, webhook: &Webhook, secret: Secret) -> rusqlite::Result<Option<i64>> {
    let count: usize = db.query_row("SELECT count(*) FROM webhooks", [], |row| row.get(0))?;
    if count >= MAX_WEBHOOKS {
        return Ok(None);
    }
    db.execute(
        "INSERT INTO webhooks (name, url, secret, events, device_ids, groups, enabled, created_at, created_by) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            webhook.name,
            webhook.url,
            secret.0,
            json(&webhook.events),
            webhook.device_ids.as_ref().map(json),
            webhook.groups.as_ref().map(json),
            webhook.enabled,
            webhook.created_at.millis(),
            webhook.created_by
        ],
    )?;
    Ok(Some(db.last_insert_rowid()))
}

/// Changes what may be changed.
pub fn change(db: &Connection, webhook: &Webhook) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE webhooks SET name = ?2, url = ?3, events = ?4, device_ids = ?5, groups = ?6, enabled = ?7 WHERE key = ?1",
        params![
            webhook.id,
            webhook.name,
            webhook.url,
            json(&webhook.events),
            webhook.device_ids.as_ref().map(json),
            webhook.groups.as_ref().map(json),
            webhook.enabled
        ],
    )
    .map(drop)
}

/// The receiver at this address does not want any more; false when the webhook has another one by now.
pub fn disable(db: &Connection, id: i64, url: &str) -> rusqlite::Result<bool> {
    Ok(db.execute("UPDATE webhooks SET enabled = 0 WHERE key = ? AND url = ?", params![id, url])? == 1)
}

/// Removes one with its deliveries; false when there is none.
pub fn remove(db: &Connection, id: i64) -> rusqlite::Result<bool> {
    Ok(db.execute("DELETE FROM webhooks WHERE key = ?", [id])? == 1)
}

const SELECT: &str = "SELECT key, name, url, events, device_ids, groups, enabled, created_at, created_by, dropped, \
     pending FROM webhooks JOIN webhook_queues ON webhook = key";

fn read(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    Ok(Webhook {
        id: row.get(0)?,
        name: row.get(1)?,
        url: row.get(2)?,
        events: texts(row, 3)?.unwrap_or_default(),
        device_ids: texts(row, 4)?,
        groups: texts(row, 5)?,
        enabled: row.get(6)?,
        created_at: Timestamp::from_millis(row.get(7)?),
        created_by: row.get(8)?,
        dropped: row.get(9)?,
        pending: row.get(10)?,
    })
}

fn texts<T: DeserializeOwned + Ord>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<BTreeSet<T>>> {
    let text: Option<String> = row.get(index)?;
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_default()))
}

fn json<T: Serialize>(texts: &BTreeSet<T>) -> String {
    // A list of texts always serialises.
    serde_json::to_string(texts).unwrap_or_default()
}
