//! UWB tags: where each is, and where it was.

use ems_protocol::{Point, Timestamp, UwbLocation};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Positions that are kept of one tag: more than two hours at 1 Hz.
pub const HISTORY: i64 = 10_000;
/// Old positions are dropped once in so many.
const TRIM_EVERY: i64 = 64;

/// A tag as it is stored.
#[derive(Debug, Clone)]
pub struct TagRow {
    /// Names it in the other table.
    pub key: i64,
    /// The device that reported it last.
    pub device: i64,
    /// When that was, by the server's clock.
    pub received_at: Timestamp,
    /// Where it is.
    pub last: UwbLocation,
}

/// Stores a position, and drops those that are too old; the tag's key.
pub fn add(db: &Connection, device: i64, received_at: i64, new: &UwbLocation) -> rusqlite::Result<i64> {
    let UwbLocation { device_id, location: Point { x, y, z }, accuracy, quality, timestamp } = new;
    let at = timestamp.millis();
    let key: i64 = db
        .prepare_cached(
            "INSERT INTO uwb_tags (id, device, at, received_at, x, y, z, accuracy, quality) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (id) DO UPDATE SET device = ?2, at = ?3, received_at = ?4, x = ?5, y = ?6, z = ?7, accuracy = ?8, quality = ?9 \
             RETURNING key",
        )?
        .query_row(params![device_id, device, at, received_at, x, y, z, accuracy, quality], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO uwb_locations (tag, at, x, y, z, accuracy, quality) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![key, at, x, y, z, accuracy, quality])?;
    if db.last_insert_rowid() % TRIM_EVERY == 0 {
        db.prepare_cached(
            "DELETE FROM uwb_locations WHERE tag = ?1 AND at < \
             (SELECT at FROM uwb_locations WHERE tag = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![key, HISTORY])?;
    }
    Ok(key)
}

/// All tags, and the latest position of each.
pub fn tags(db: &Connection) -> rusqlite::Result<Vec<TagRow>> {
    db.prepare_cached(
        "SELECT key, device, received_at, id, at, x, y, z, accuracy, quality FROM uwb_tags ORDER BY id",
    )?
    .query_map([], |row| {
        Ok(TagRow {
            key: row.get(0)?,
            device: row.get(1)?,
            received_at: Timestamp::from_millis(row.get(2)?),
            last: location(row, row.get(3)?, 4)?,
        })
    })?
    .collect()
}

/// The newest `limit` positions of a tag between two times, oldest first, and whether there are more.
pub fn history(
    db: &Connection,
    id: &str,
    from: i64,
    to: i64,
    limit: usize,
) -> rusqlite::Result<(Vec<UwbLocation>, bool)> {
    let key: Option<i64> = db
        .prepare_cached("SELECT key FROM uwb_tags WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok((Vec::new(), false)) };
    let mut found: Vec<UwbLocation> = db
        .prepare_cached(
            "SELECT at, x, y, z, accuracy, quality FROM uwb_locations WHERE tag = ? AND at BETWEEN ? AND ? \
             ORDER BY at DESC, id DESC LIMIT ?",
        )?
        .query_map(params![key, from, to, limit + 1], |row| location(row, id.to_owned(), 0))?
        .collect::<rusqlite::Result<_>>()?;
    let more = found.len() > limit;
    found.truncate(limit);
    found.reverse();
    Ok((found, more))
}

fn location(row: &Row<'_>, device_id: String, first: usize) -> rusqlite::Result<UwbLocation> {
    Ok(UwbLocation {
        device_id,
        timestamp: Timestamp::from_millis(row.get(first)?),
        location: Point { x: row.get(first + 1)?, y: row.get(first + 2)?, z: row.get(first + 3)? },
        accuracy: row.get(first + 4)?,
        quality: row.get(first + 5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_of_a_tag_is_bounded_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let db = crate::store::open_connection(&dir.path().join("ems.db")).unwrap();
        let location = |at: i64| UwbLocation {
            device_id: "4f2a".into(),
            location: Point { x: 1.0, y: 2.0, z: 3.0 },
            accuracy: None,
            quality: None,
            timestamp: Timestamp::from_millis(at),
        };
        db.execute_batch("BEGIN").unwrap();
        for at in 0..HISTORY + 200 {
            add(&db, 1, at, &location(at)).unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
        let count: i64 = db.query_row("SELECT count(*) FROM uwb_locations", [], |row| row.get(0)).unwrap();
        assert!((HISTORY..HISTORY + 2 * TRIM_EVERY).contains(&count), "{count}");
        let (last, more) = history(&db, "4f2a", 0, i64::MAX, 2).unwrap();
        assert_eq!(last, [location(HISTORY + 198), location(HISTORY + 199)]);
        assert!(more);
        assert_eq!(tags(&db).unwrap().len(), 1);
    }
}
