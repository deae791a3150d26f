//! Which sequence numbers of a boot are stored: disjoint closed intervals, in a table.
//!
//! A device that never loses anything has one row a boot, however long it runs. The writer keeps in memory, for
//! each boot, the one interval that it touched last: a live sample extends it without a query, and so does each
//! sample of a backlog. Numbers are the u64 of the wire by its bits, as SQLite has no other. Their order differs
//! from the unsigned one (2^64 - 1 comes just before 0), which changes nothing about what is in the set.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

/// Boots whose last interval is kept in memory. One costs about 100 bytes.
const CACHED_BOOTS: usize = 20_000;

/// The writer's view of the intervals. Forget it ([`Self::clear`]) whenever a transaction was rolled back.
#[derive(Default)]
pub(super) struct Seen {
    boots: HashMap<(i64, String), i64>,
    intervals: HashMap<i64, Interval>,
    /// Boots whose interval is dirty: a commit is of a few of the thousands in memory.
    dirty: Vec<i64>,
}

/// An interval whose row may still have a smaller `last` (then `dirty`).
struct Interval {
    first: i64,
    last: i64,
    /// The first number of the next interval; none where this is the last.
    next: Option<i64>,
    dirty: bool,
}

impl Seen {
    /// Forgets everything: the table is the truth.
    pub(super) fn clear(&mut self) {
        self.boots.clear();
        self.intervals.clear();
        self.dirty.clear();
    }

    /// The key of a boot, made when it is new.
    pub(super) fn boot(
        &mut self,
        db: &Connection,
        device: i64,
        boot_id: &str,
        now: i64,
    ) -> rusqlite::Result<i64> {
        let name = (device, boot_id.to_owned());
        if let Some(&key) = self.boots.get(&name) {
            return Ok(key);
        }
        let known = db
            .prepare_cached("SELECT key FROM boots WHERE device = ? AND boot_id = ?")?
            .query_row(params![device, boot_id], |row| row.get(0))
            .optional()?;
        let key = match known {
            Some(key) => key,
            None => db
                .prepare_cached(
                    "INSERT INTO boots (device, boot_id, first_seen) VALUES (?, ?, ?) RETURNING key",
                )?
                .query_row(params![device, boot_id, now], |row| row.get(0))?,
        };
        if self.boots.len() >= CACHED_BOOTS {
            self.flush(db)?;
            self.clear();
        }
        self.boots.insert(name, key);
        Ok(key)
    }

    /// Adds `seq`; false when it was there already.
    pub(super) fn insert(&mut self, db: &Connection, boot: i64, seq: i64) -> rusqlite::Result<bool> {
        if let Some(interval) = self.intervals.get_mut(&boot) {
            if (interval.first..=interval.last).contains(&seq) {
                return Ok(false);
            }
            if interval.last.checked_add(1) == Some(seq) && interval.next.is_none_or(|next| seq + 1 < next) {
                interval.last = seq;
                if !std::mem::replace(&mut interval.dirty, true) {
                    self.dirty.push(boot);
                }
                return Ok(true);
            }
            write(db, boot, interval)?;
        }
        let below = neighbour(
            db,
            "SELECT first, last FROM seen WHERE boot = ? AND first <= ? ORDER BY first DESC LIMIT 1",
            boot,
            seq,
        )?;
        let above = neighbour(
            db,
            "SELECT first, last FROM seen WHERE boot = ? AND first > ? ORDER BY first LIMIT 1",
            boot,
            seq,
        )?;
        let (interval, new) = place(db, boot, seq, below, above)?;
        self.intervals.insert(boot, interval);
        Ok(new)
    }

    /// Writes what is only in memory. Call it before each commit.
    pub(super) fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for boot in self.dirty.drain(..) {
            // One that was written in between is no longer dirty.
            if let Some(interval) = self.intervals.get_mut(&boot) {
                write(db, boot, interval)?;
            }
        }
        Ok(())
    }
}

fn write(db: &Connection, boot: i64, interval: &mut Interval) -> rusqlite::Result<()> {
    if interval.dirty {
        db.prepare_cached("UPDATE seen SET last = ? WHERE boot = ? AND first = ?")?.execute(params![
            interval.last,
            boot,
            interval.first
        ])?;
        interval.dirty = false;
    }
    Ok(())
}

fn neighbour(db: &Connection, query: &str, boot: i64, seq: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    db.prepare_cached(query)?.query_row(params![boot, seq], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Adds `seq` to the table between its neighbours; the interval that holds it now, and whether it is new.
fn place(
    db: &Connection,
    boot: i64,
    seq: i64,
    below: Option<(i64, i64)>,
    above: Option<(i64, i64)>,
) -> rusqlite::Result<(Interval, bool)> {
    let mut next = above.map(|(first, _)| first);
    if let Some((first, last)) = below.filter(|&(_, last)| seq <= last) {
        return Ok((Interval { first, last, next, dirty: false }, false));
    }
    let joins_below = below.filter(|&(_, last)| last.checked_add(1) == Some(seq));
    let joins_above = above.filter(|&(first, _)| seq.checked_add(1) == Some(first));
    let mut last = seq;
    if let Some((above_first, above_last)) = joins_above {
        db.prepare_cached("DELETE FROM seen WHERE boot = ? AND first = ?")?
            .execute(params![boot, above_first])?;
        last = above_last;
        next = neighbour(
            db,
            "SELECT first, last FROM seen WHERE boot = ? AND first > ? ORDER BY first LIMIT 1",
            boot,
            last,
        )?
        .map(|(first, _)| first);
    }
    let first = joins_below.map_or(seq, |(first, _)| first);
    db.prepare_cached("INSERT INTO seen VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET last = ?3")?
        .execute(params![boot, first, last])?;
    Ok((Interval { first, last, next, dirty: false }, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn database() -> Connection {
        let db = schema::open(std::path::Path::new(":memory:")).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        db
    }

    fn rows(db: &Connection) -> Vec<(i64, i64)> {
        let mut query = db.prepare("SELECT first, last FROM seen WHERE boot = 1 ORDER BY first").unwrap();
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn an_unbroken_run_is_one_row_and_the_ends_of_u64_are_kept_apart() {
        let db = database();
        let mut seen = Seen::default();
        for seq in 0..1000 {
            assert!(seen.insert(&db, 1, seq).unwrap());
        }
        for seq in [i64::MAX, i64::MIN, -1] {
            assert!(seen.insert(&db, 1, seq).unwrap());
            assert!(!seen.insert(&db, 1, seq).unwrap());
        }
        seen.flush(&db).unwrap();
        assert_eq!(rows(&db), [(i64::MIN, i64::MIN), (-1, 999), (i64::MAX, i64::MAX)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_holds_what_a_plain_set_holds(steps in prop::collection::vec((0i64..60, 1i64..8, any::<bool>()), 1..30)) {
            let db = database();
            let mut seen = Seen::default();
            let mut model = BTreeSet::new();
            for (first, length, forget) in steps {
                for seq in first..first + length {
                    prop_assert_eq!(seen.insert(&db, 1, seq).unwrap(), model.insert(seq));
                }
                if forget {
                    seen.flush(&db).unwrap();
                    seen.clear();
                }
            }
            seen.flush(&db).unwrap();
            let rows = rows(&db);
            prop_assert!(rows.windows(2).all(|w| w[0].1 + 1 < w[1].0), "{:?}", rows);
            let held: BTreeSet<i64> = rows.iter().flat_map(|&(first, last)| first..=last).collect();
            prop_assert_eq!(held, model);
        }
    }
}
