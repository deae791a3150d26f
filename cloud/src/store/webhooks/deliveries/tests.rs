use std::collections::BTreeSet;
use std::path::Path;

use ems_protocol::Timestamp;
use serde_json::{Value, json};

use super::past::MAX_ENDED;
use super::queue::MAX_PENDING;
use super::sending::FURTHEST_MS;
use super::*;
use crate::store::schema;
use crate::store::webhooks::{self, Secret, Webhook, find as webhook, remove};

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
    webhooks::add(db, &new, Secret([0; 32])).unwrap().unwrap()
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
    let read = |query| db.query_row(query, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
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
    let left: i64 = db.query_row("SELECT count(*) FROM webhook_deliveries", [], |row| row.get(0)).unwrap();
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
