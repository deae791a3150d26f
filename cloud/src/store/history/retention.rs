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
    /// Events, and answers to commands that nobody gave.
    pub events: Option<i64>,
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
        // The newest number stays taken: the next event must not be given one that was used before.
        (
            "SELECT EXISTS (SELECT 1 FROM events WHERE received_at < ? AND id < (SELECT max(id) FROM events))",
            before(keep.events, now),
        ),
        ("SELECT EXISTS (SELECT 1 FROM command_acks WHERE received_at < ?)", before(keep.events, now)),
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
    for (query, before, most) in [
        (
            "DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE newest < ? ORDER BY newest LIMIT ?)",
            before(keep.samples, now),
            PORTION,
        ),
        (
            "DELETE FROM minutes WHERE id IN (SELECT id FROM minutes WHERE newest < ? ORDER BY newest LIMIT ?)",
            before(keep.minutes, now),
            PORTION,
        ),
        (
            "DELETE FROM hours WHERE (device, hour) IN (SELECT device, hour FROM hours WHERE newest < ? \
             AND sealed_to IS NULL ORDER BY newest LIMIT ?)",
            before(keep.hours, now),
            PORTION,
        ),
        (
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE received_at < ? \
             AND id < (SELECT max(id) FROM events) ORDER BY received_at LIMIT ?)",
            before(keep.events, now),
            ROWS,
        ),
        (
            "DELETE FROM command_acks WHERE id IN (SELECT id FROM command_acks WHERE received_at < ? \
             ORDER BY received_at LIMIT ?)",
            before(keep.events, now),
            ROWS,
        ),
    ] {
        removed += db.prepare_cached(query)?.execute(params![before, most])?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn events_are_kept_as_long_as_they_should_and_no_number_is_given_twice() {
        let dir = tempfile::tempdir().unwrap();
        let db = schema::open(&dir.path().join("ems.db")).unwrap();
        let insert = "INSERT INTO events (device, at, received_at, severity, code, message) VALUES (1, 0, ?, 0, 'A', 'b')";
        for received in 0..1_200 {
            db.execute(insert, [received]).unwrap();
        }
        db.execute(
            "INSERT INTO command_acks (device, command_id, received_at, ack) VALUES (1, 'c', 5, '{}')",
            [],
        )
        .unwrap();
        let left = || {
            let query = "SELECT (SELECT count(*) FROM events), (SELECT min(received_at) FROM events), \
                (SELECT count(*) FROM command_acks)";
            db.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
        };
        let all = |keep: Keep, now| {
            while is_due(&db, &keep, now).unwrap() {
                assert!((1..=ROWS + 1).contains(&remove(&db, &keep, now).unwrap()));
            }
        };
        all(Keep::default(), 1_000_000);
        assert_eq!(left(), (1_200, 0, 1));
        let keep = Keep { events: Some(100), ..Keep::default() };
        all(keep, 1_250);
        assert_eq!(left(), (50, 1_150, 0));
        all(keep, 1_000_000);
        assert_eq!(left(), (1, 1_199, 0));
        db.execute(insert, [1_000_000]).unwrap();
        assert_eq!(db.last_insert_rowid(), 1_201);
    }
}
