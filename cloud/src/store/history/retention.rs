//! How long history is kept, by the server's clock.

use rusqlite::{Connection, params};

use super::hour;
use super::sealing::DeviceHour;

/// What one step deletes at most: blocks of 50 kB, roll-ups of less.
const PORTION: usize = 16;
/// Rows that one step deletes.
const ROWS: usize = 500;

/// How long each kind is kept after its newest sample came, ms; none: for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// Samples.
    pub samples: Option<i64>,
    /// Roll-ups of minutes.
    pub minutes: Option<i64>,
    /// Roll-ups of hours.
    pub hours: Option<i64>,
}

/// Whether something is older than it should be.
pub fn is_due(db: &Connection, keep: &Keep, now: i64) -> rusqlite::Result<bool> {
    for (query, before) in [
        ("SELECT EXISTS (SELECT 1 FROM blocks WHERE newest < ?)", before(keep.samples, now)),
        ("SELECT EXISTS (SELECT 1 FROM minutes WHERE newest < ?)", before(keep.minutes, now)),
        (
            "SELECT EXISTS (SELECT 1 FROM hours WHERE newest < ? AND sealed_to IS NULL)",
            before(keep.hours, now),
        ),
    ] {
        if db.prepare_cached(query)?.query_row([before], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes a portion of what is too old; how much that was. The room in the file is used again.
pub fn remove(db: &Connection, keep: &Keep, now: i64) -> rusqlite::Result<usize> {
    let mut removed = 0;
    for (query, before) in [
        (
            "DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE newest < ? ORDER BY newest LIMIT ?)",
            before(keep.samples, now),
        ),
        (
            "DELETE FROM minutes WHERE id IN (SELECT id FROM minutes WHERE newest < ? ORDER BY newest LIMIT ?)",
            before(keep.minutes, now),
        ),
        (
            "DELETE FROM hours WHERE (device, hour) IN (SELECT device, hour FROM hours WHERE newest < ? \
             AND sealed_to IS NULL ORDER BY newest LIMIT ?)",
            before(keep.hours, now),
        ),
    ] {
        removed += db.prepare_cached(query)?.execute(params![before, PORTION])?;
    }
    Ok(removed)
}

/// The same for the rows of an hour that is too large to be sealed.
pub fn remove_rows(db: &Connection, of: DeviceHour, keep: &Keep, now: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM samples WHERE id IN (SELECT id FROM samples WHERE device = ? AND at BETWEEN ? AND ? \
         AND received_at < ? LIMIT ?)",
    )?
    .execute(params![
        of.device,
        hour::start_of(of.hour),
        hour::end_of(of.hour),
        before(keep.samples, now),
        ROWS
    ])
}

fn before(keep: Option<i64>, now: i64) -> i64 {
    keep.map_or(i64::MIN, |keep| now.saturating_sub(keep))
}
