//! Samples by their time.

use ems_protocol::DeviceId;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::StoredSample;
use super::row::{COLUMN_COUNT, COLUMNS, read};

/// A page of history ends when its texts are larger than this, in bytes: unknown fields may fill a frame.
const PAGE_TEXT_BYTES: usize = 4 << 20;

/// Some of a device's history.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Oldest first.
    pub samples: Vec<StoredSample>,
    /// Whether there are more after the last one.
    pub truncated: bool,
}

/// The samples of a device with `from <= at <= to`, the oldest `limit` of them, or fewer if they are large.
pub fn range(
    db: &Connection,
    device: i64,
    id: &DeviceId,
    from: i64,
    to: i64,
    limit: usize,
) -> rusqlite::Result<History> {
    let query = format!(
        "SELECT {COLUMNS}, (SELECT boot_id FROM boots WHERE key = boot) FROM samples \
         WHERE device = ? AND at BETWEEN ? AND ? ORDER BY at, id LIMIT ?"
    );
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query(params![device, from, to, limit.saturating_add(1)])?;
    let (mut samples, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if samples.len() >= limit || bytes > PAGE_TEXT_BYTES {
            return Ok(History { samples, truncated: true });
        }
        bytes += text_bytes(row)?;
        samples.push(read(row, id)?);
    }
    Ok(History { samples, truncated: false })
}

fn text_bytes(row: &Row<'_>) -> rusqlite::Result<usize> {
    let mut bytes = 0;
    for column in 0..COLUMN_COUNT {
        if let ValueRef::Text(text) = row.get_ref(column)? {
            bytes += text.len();
        }
    }
    Ok(bytes)
}

/// The sample that is last on a device's time axis.
pub fn latest(db: &Connection, device: i64, id: &DeviceId) -> rusqlite::Result<Option<StoredSample>> {
    let query = format!(
        "SELECT {COLUMNS}, (SELECT boot_id FROM boots WHERE key = boot) FROM samples \
         WHERE device = ? ORDER BY at DESC, id DESC LIMIT 1"
    );
    db.prepare_cached(&query)?.query_row(params![device], |row| read(row, id)).optional()
}
