//! The event record: the last 64 KiB of what happened.

use std::collections::VecDeque;

use rusqlite::Connection;

use super::{CardError, entry};
use crate::store::record;

/// The most that all events take, as they are stored, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// What is known of the stored events without reading them.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Row and length of each, oldest first.
    rows: VecDeque<(i64, usize)>,
    bytes: usize,
    /// The highest number given.
    number: u64,
}

impl Events {
    /// Reads the events. What is none is removed.
    pub(super) fn load(connection: &Connection) -> Result<Self, CardError> {
        let mut events = Self::default();
        let mut none = Vec::new();
        let mut select = connection.prepare("SELECT id, data FROM event ORDER BY id")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let data = row.get_ref(1)?.as_blob().unwrap_or_default();
            match record::open(entry::EVENT, data).and_then(entry::event) {
                Some((number, _)) => {
                    events.number = events.number.max(number);
                    events.bytes += data.len();
                    events.rows.push_back((id, data.len()));
                }
                None => none.push(id),
            }
        }
        drop(rows);
        for id in none {
            connection.execute("DELETE FROM event WHERE id = ?1", (id,))?;
        }
        // A healed database may hold old ones again.
        events.trim(connection)?;
        Ok(events)
    }

    /// Stores events with one durable write; the oldest make room.
    pub(super) fn record(&mut self, connection: &mut Connection, texts: &[&str]) -> Result<(), CardError> {
        let mut next = Self { rows: self.rows.clone(), ..*self };
        let transaction = connection.transaction()?;
        for text in texts {
            next.number += 1;
            let data = entry::pack_event(next.number, text)?;
            transaction.execute("INSERT INTO event (data) VALUES (?1)", (&data,))?;
            next.rows.push_back((transaction.last_insert_rowid(), data.len()));
            next.bytes += data.len();
        }
        next.trim(&transaction)?;
        transaction.commit()?;
        // Only now: a write that failed has changed nothing here either.
        *self = next;
        Ok(())
    }

    fn trim(&mut self, connection: &Connection) -> Result<(), CardError> {
        while self.bytes > MAX_BYTES
            && let Some((id, length)) = self.rows.pop_front()
        {
            connection.execute("DELETE FROM event WHERE id = ?1", (id,))?;
            self.bytes -= length;
        }
        Ok(())
    }

    /// How many are stored.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// All events, oldest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<String>, CardError> {
    let mut select = connection.prepare("SELECT data FROM event ORDER BY id")?;
    let mut rows = select.query(())?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let data = row.get_ref(0)?.as_blob().unwrap_or_default();
        let text = record::open(entry::EVENT, data).and_then(entry::event).map(|(_, text)| text.to_owned());
        events.extend(text);
    }
    Ok(events)
}
