//! Sessions of users.

use std::collections::BTreeSet;

use ems_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::devices_of;
use crate::auth::role::Role;
use crate::auth::sessions::Period;

/// A session that is neither revoked nor expired, of a user who is not disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose it is.
    pub username: String,
    /// What that user may do now.
    pub role: Role,
    /// The devices that the user may see; all without it.
    pub devices: Option<BTreeSet<DeviceId>>,
    /// When the newest access token ends, ms since 1970.
    pub access_expires_at: i64,
}

/// What became of a request to prolong a session.
#[derive(Debug, PartialEq, Eq)]
pub enum Extended {
    /// It goes on, with tokens of this generation.
    Done(SessionRow, u64),
    /// The token had been used before: the session is over.
    Reused,
    /// The session has ended.
    Ended,
}

/// A session as admins see it.
#[derive(Debug, Serialize)]
pub struct OpenSession {
    /// Names it.
    pub id: String,
    /// Whose it is.
    pub username: String,
    /// When the login was.
    pub created_at: Timestamp,
    /// When it ends without a refresh.
    pub expires_at: Timestamp,
}

/// Begins a session, and forgets those that ended more than a day ago. False when the user has been removed or has
/// another password than the one behind `hash`: to check it took a while.
pub fn open_session(
    db: &Connection,
    id: &str,
    (user, hash): (i64, &str),
    period: &Period,
) -> rusqlite::Result<bool> {
    const DAY: i64 = 86_400_000;
    db.execute("DELETE FROM sessions WHERE expires_at < ?", [period.now - DAY])?;
    let opened = db.execute(
        "INSERT INTO sessions (id, user, created_at, expires_at, access_expires_at) \
         SELECT ?1, key, ?3, ?4, ?5 FROM users WHERE key = ?2 AND password_hash = ?6 AND disabled_at IS NULL",
        params![id, user, period.now, period.session_until, period.access_until, hash],
    )?;
    Ok(opened == 1)
}

/// The answer to an exchange may be lost on its way: for so long the token before is good for the same answer again.
pub(crate) const GRACE_MS: i64 = 20_000;

/// So many generations in a row may be handed out twice.
const REPEATED: i64 = 2;

/// Prolongs a session for whoever has its refresh token of this generation; or of the one before, if that was exchanged
/// a moment ago and the new one was not. A copy of a token is still found out, as this is not so for ever: after
/// two generations in a row that were handed out twice the next answer is not repeated. Of two who use the same
/// tokens, the slower one ends the session with its third exchange; whoever leaves one out has no valid token any more.
///
/// `repeated` counts those in a row, doubled, and one more when the newest is among them.
pub fn extend_session(
    db: &Connection,
    id: &str,
    generation: u64,
    period: &Period,
) -> rusqlite::Result<Extended> {
    let Some(row) = session(db, id, period.now)? else { return Ok(Extended::Ended) };
    let changed = db.execute(
        "UPDATE sessions SET generation = generation + 1, expires_at = ?3, access_expires_at = ?4, \
         refreshed_at = iif(repeated & 1 AND repeated >= 2 * ?6, 0, ?5), repeated = iif(repeated & 1, repeated - 1, 0) \
         WHERE id = ?1 AND generation = ?2",
        params![id, generation, period.session_until, period.access_until, period.now, REPEATED],
    )?;
    if changed == 1 {
        return Ok(Extended::Done(row, generation.saturating_add(1)));
    }
    let repeated = db.execute(
        "UPDATE sessions SET expires_at = ?3, access_expires_at = ?4, repeated = iif(repeated & 1, repeated, repeated + 3) \
         WHERE id = ?1 AND generation = ?2 + 1 AND ?5 BETWEEN refreshed_at AND refreshed_at + ?6",
        params![id, generation, period.session_until, period.access_until, period.now, GRACE_MS],
    )?;
    if repeated == 1 {
        return Ok(Extended::Done(row, generation.saturating_add(1)));
    }
    revoke_session(db, id, period.now)?;
    Ok(Extended::Reused)
}

/// Ends a session; false when there is none.
pub fn revoke_session(db: &Connection, id: &str, now: i64) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
        params![now, id],
    )?;
    Ok(changed == 1)
}

/// Ends all sessions of a user.
pub fn revoke_sessions_of(db: &Connection, username: &str, now: i64) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE sessions SET revoked_at = ? WHERE revoked_at IS NULL \
         AND user IN (SELECT key FROM users WHERE username = ?)",
        params![now, username],
    )
    .map(drop)
}

/// The session, unless it has ended.
pub fn session(db: &Connection, id: &str, now: i64) -> rusqlite::Result<Option<SessionRow>> {
    let found = db
        .prepare_cached(
            "SELECT username, role, access_expires_at, restricted, users.key FROM sessions \
             JOIN users ON users.key = sessions.user \
             WHERE sessions.id = ? AND revoked_at IS NULL AND expires_at > ? AND disabled_at IS NULL",
        )?
        .query_row(params![id, now], |row| {
            let session = SessionRow {
                username: row.get(0)?,
                role: Role::from_name(&row.get::<_, String>(1)?),
                devices: None,
                access_expires_at: row.get(2)?,
            };
            Ok((session, row.get::<_, bool>(3)?, row.get::<_, i64>(4)?))
        })
        .optional()?;
    let Some((mut session, restricted, user)) = found else { return Ok(None) };
    if restricted {
        session.devices = Some(devices_of(db, user)?);
    }
    Ok(Some(session))
}

/// The sessions that go on, the newest first.
pub fn open_sessions(db: &Connection, now: i64, limit: usize) -> rusqlite::Result<Vec<OpenSession>> {
    db.prepare_cached(
        "SELECT id, username, sessions.created_at, expires_at FROM sessions JOIN users ON users.key = sessions.user \
         WHERE revoked_at IS NULL AND expires_at > ? AND disabled_at IS NULL ORDER BY sessions.created_at DESC LIMIT ?",
    )?
    .query_map(params![now, limit], |row| {
        Ok(OpenSession {
            id: row.get(0)?,
            username: row.get(1)?,
            created_at: Timestamp::from_millis(row.get(2)?),
            expires_at: Timestamp::from_millis(row.get(3)?),
        })
    })?
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{add, find, remove, set_password};
    use super::*;

    #[test]
    fn a_refresh_whose_answer_was_lost_is_repeated_and_a_copy_of_the_token_still_ends_the_session() {
        let dir = tempfile::tempdir().unwrap();
        let db = crate::store::open_connection(&dir.path().join("ems.db")).unwrap();
        assert!(add(&db, "ada", "hash", Role::Viewer, 0).unwrap());
        let key = find(&db, "ada").unwrap().unwrap().key;
        let at = |now: i64| Period { now, access_until: now + 1_000_000, session_until: now + 9_000_000 };
        let extend = |id: &str, generation: u64, now: i64| match extend_session(&db, id, generation, &at(now))
            .unwrap()
        {
            Extended::Done(_, next) => Some(next),
            Extended::Reused => None,
            Extended::Ended => panic!("ended"),
        };
        for id in ["lost", "late", "copied"] {
            assert!(open_session(&db, id, (key, "hash"), &at(0)).unwrap());
            assert_eq!(extend(id, 0, 1_000), Some(1));
        }
        // The answer was lost: the same token again, twice even, gives what the lost one gave.
        assert_eq!(
            [extend("lost", 0, 2_000), extend("lost", 0, 20_000), extend("lost", 1, 21_000)],
            [Some(1), Some(1), Some(2)]
        );
        // After a while it was no lost answer.
        assert_eq!(extend("late", 0, 1_000 + GRACE_MS + 1), None);
        // Nor when the new token was used meanwhile.
        assert_eq!(extend("copied", 1, 2_000), Some(2));
        assert_eq!(extend("copied", 0, 3_000), None);
        assert_eq!(session(&db, "copied", 4_000).unwrap(), None);
    }

    #[test]
    fn of_two_who_use_the_same_token_seconds_apart_neither_goes_on() {
        const START: i64 = 1_000_000;
        let dir = tempfile::tempdir().unwrap();
        let db = crate::store::open_connection(&dir.path().join("ems.db")).unwrap();
        assert!(add(&db, "ada", "hash", Role::Viewer, 0).unwrap());
        let key = find(&db, "ada").unwrap().unwrap().key;
        let at = |now: i64| Period { now, access_until: now + 1_000_000, session_until: now + 9_000_000 };
        assert!(open_session(&db, "copied", (key, "hash"), &at(START)).unwrap());
        let mut ends = Vec::new();
        for generation in 0..4 {
            for holder in 0..2 {
                let now = START + 60_000 * i64::from(u8::try_from(generation).unwrap()) + 5_000 * holder;
                ends.push(match extend_session(&db, "copied", generation, &at(now)).unwrap() {
                    Extended::Done(_, next) => format!("{next}"),
                    other => format!("{other:?}"),
                });
            }
        }
        assert_eq!(ends, ["1", "1", "2", "2", "3", "Reused", "Ended", "Ended"]);
        assert_eq!(session(&db, "copied", START + 200_000).unwrap(), None);

        // An answer that is lost twice, and that of the next exchange too, can be repeated, and again later on.
        assert!(open_session(&db, "lost", (key, "hash"), &at(START)).unwrap());
        for (generation, next) in
            [(0, 1), (0, 1), (0, 1), (1, 2), (1, 2), (2, 3), (3, 4), (3, 4), (4, 5), (4, 5), (5, 6), (6, 7)]
        {
            let extended = extend_session(&db, "lost", generation, &at(START + 1_000)).unwrap();
            assert!(matches!(extended, Extended::Done(_, got) if got == next), "{generation} {extended:?}");
        }
    }

    #[test]
    fn no_session_begins_with_a_password_that_was_changed_or_of_a_user_who_was_removed_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let db = crate::store::open_connection(&dir.path().join("ems.db")).unwrap();
        assert!(add(&db, "ada", "old", Role::Viewer, 0).unwrap());
        assert!(add(&db, "bob", "hash", Role::Admin, 0).unwrap());
        let key = find(&db, "ada").unwrap().unwrap().key;
        let period = Period { now: 1, access_until: 10, session_until: 20 };
        assert!(open_session(&db, "a", (key, "old"), &period).unwrap());
        set_password(&db, "ada", "new", 2).unwrap().unwrap();
        assert!(!open_session(&db, "b", (key, "old"), &period).unwrap());
        assert!(open_session(&db, "c", (key, "new"), &period).unwrap());
        remove(&db, "ada").unwrap().unwrap();
        assert!(!open_session(&db, "d", (key, "new"), &period).unwrap());
        for ended in ["a", "b", "c", "d"] {
            assert_eq!(session(&db, ended, 3).unwrap(), None, "{ended}");
        }
    }
}
