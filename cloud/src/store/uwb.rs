//! UWB tags: where each is, and where it was.

use ems_protocol::{Point, Timestamp, UwbLocation};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Positions that are kept of one tag: more than two hours at 1 Hz.
pub const HISTORY: i64 = 10_000;
/// Old positions of a tag are dropped once in so many of its own.
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

/// Stores a position, and drops those of the tag that came too long ago; the tag's key. A position that is older than
/// the last one is history only, unless the last one was of a clock that ran ahead.
pub fn add(db: &Connection, device: i64, received_at: i64, new: &UwbLocation) -> rusqlite::Result<i64> {
    let UwbLocation { device_id, location: Point { x, y, z }, accuracy, quality, timestamp } = new;
    let at = timestamp.millis();
    let (key, reports): (i64, i64) = db
        .prepare_cached(
            "INSERT INTO uwb_tags (id, device, at, received_at, reports, x, y, z, accuracy, quality) \
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (id) DO UPDATE SET reports = reports + 1 RETURNING key, reports",
        )?
        .query_row(params![device_id, device, at, received_at, x, y, z, accuracy, quality], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    db.prepare_cached(
        "UPDATE uwb_tags SET device = ?2, at = ?3, received_at = ?4, x = ?5, y = ?6, z = ?7, accuracy = ?8, \
         quality = ?9 WHERE key = ?1 AND (at <= ?3 OR at > ?4)",
    )?
    .execute(params![key, device, at, received_at, x, y, z, accuracy, quality])?;
    db.prepare_cached(
        "INSERT INTO uwb_locations (tag, device, at, x, y, z, accuracy, quality) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![key, device, at, x, y, z, accuracy, quality])?;
    if reports % TRIM_EVERY == 0 {
        // By arrival: a position from a clock that ran ahead must not outlive the true ones.
        db.prepare_cached(
            "DELETE FROM uwb_locations WHERE tag = ?1 AND id <= \
             (SELECT id FROM uwb_locations WHERE tag = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
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

/// The newest `limit` positions of a tag between two times, oldest first, and whether there are more. With `devices`
/// (keys) only what they have reported.
pub fn history(
    db: &Connection,
    id: &str,
    devices: Option<&[i64]>,
    (from, to): (i64, i64),
    limit: usize,
) -> rusqlite::Result<(Vec<UwbLocation>, bool)> {
    let key: Option<i64> = db
        .prepare_cached("SELECT key FROM uwb_tags WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok((Vec::new(), false)) };
    let devices = devices.map(|keys| serde_json::json!(keys).to_string());
    let mut found: Vec<UwbLocation> = db
        .prepare_cached(
            "SELECT at, x, y, z, accuracy, quality FROM uwb_locations WHERE tag = ?1 AND at BETWEEN ?2 AND ?3 \
             AND (?5 IS NULL OR device IN (SELECT value FROM json_each(?5))) ORDER BY at DESC, id DESC LIMIT ?4",
        )?
        .query_map(params![key, from, to, limit + 1, devices], |row| location(row, id.to_owned(), 0))?
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

    fn location(tag: &str, at: i64) -> UwbLocation {
        UwbLocation {
            device_id: tag.into(),
            location: Point { x: 1.0, y: 2.0, z: 3.0 },
            accuracy: None,
            quality: None,
            timestamp: Timestamp::from_millis(at),
        }
    }

    fn database() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let db = crate::store::open_connection(&dir.path().join("ems.db")).unwrap();
        (dir, db)
    }

    const ALL: (i64, i64) = (i64::MIN, i64::MAX);

    #[test]
    fn the_history_of_each_tag_is_bounded_and_keeps_what_came_last() {
        let (_dir, db) = database();
        db.execute_batch("BEGIN").unwrap();
        // One of a clock that ran ahead, in front of all others.
        add(&db, 1, 0, &location("4f2a", i64::MAX / 2)).unwrap();
        for at in 0..HISTORY + 200 {
            for tag in ["4f2a", "51c7"] {
                add(&db, 1, at, &location(tag, at)).unwrap();
            }
        }
        db.execute_batch("COMMIT").unwrap();
        for tag in ["4f2a", "51c7"] {
            let (found, more) = history(&db, tag, None, ALL, usize::MAX >> 2).unwrap();
            let bounds = HISTORY..HISTORY + 2 * TRIM_EVERY;
            assert!(bounds.contains(&i64::try_from(found.len()).unwrap()), "{tag}: {}", found.len());
            assert!(!more && found.last() == Some(&location(tag, HISTORY + 199)), "{tag}");
        }
        let (last, more) = history(&db, "4f2a", None, ALL, 2).unwrap();
        assert_eq!(last, [location("4f2a", HISTORY + 198), location("4f2a", HISTORY + 199)]);
        assert!(more);
        assert_eq!(tags(&db).unwrap().len(), 2);
    }

    #[test]
    fn a_late_position_is_history_only_and_each_device_has_a_history_of_its_own() {
        let (_dir, db) = database();
        let last = || tags(&db).unwrap().pop().map(|tag| (tag.device, tag.last.timestamp.millis())).unwrap();
        for (device, received_at, at, expected) in [
            (1, 100, 100, (1, 100)),
            (2, 101, 50, (1, 100)),
            (2, 102, 102, (2, 102)),
            // A clock that ran ahead, and then the truth.
            (1, 103, 9_000, (1, 9_000)),
            (2, 104, 104, (2, 104)),
        ] {
            add(&db, device, received_at, &location("4f2a", at)).unwrap();
            assert_eq!(last(), expected);
        }
        let times = |devices: Option<&[i64]>| {
            let (found, _) = history(&db, "4f2a", devices, ALL, 100).unwrap();
            found.iter().map(|location| location.timestamp.millis()).collect::<Vec<_>>()
        };
        assert_eq!(times(None), [50, 100, 102, 104, 9_000]);
        assert_eq!(times(Some(&[1])), [100, 9_000]);
        assert_eq!(times(Some(&[])), [0; 0]);
    }
}
