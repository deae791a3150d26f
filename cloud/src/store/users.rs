//! Users: names, password hashes, roles, the devices that each may see.

use std::collections::BTreeSet;

use ems_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::auth::role::Role;

mod sessions;

pub use sessions::{
    Extended, OpenSession, SessionRow, extend_session, open_session, open_sessions, revoke_session,
    revoke_sessions_of, session,
};

/// A user who may log in. Without `Debug`, which would show the hash.
#[derive(Clone)]
pub struct UserRow {
    /// Names the user in other tables.
    pub key: i64,
    /// As it was registered; compared without regard to case.
    pub username: String,
    /// PHC text.
    pub password_hash: String,
    /// What the user may do.
    pub role: Role,
    /// The devices that the user may see; all without it.
    pub devices: Option<BTreeSet<DeviceId>>,
    /// When the user was added.
    pub created_at: Timestamp,
}

/// Why a user stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Kept {
    /// Nobody has this name.
    #[error("there is no such user")]
    Unknown,
    /// Without an admin nobody could add one again.
    #[error("this is the last admin: make another user an admin first")]
    LastAdmin,
}

/// Adds a user; false when the name is taken.
pub fn add(
    db: &Connection,
    username: &str,
    password_hash: &str,
    role: Role,
    now: i64,
) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "INSERT INTO users (username, password_hash, role, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        params![username, password_hash, role.as_str(), now],
    )?;
    Ok(changed == 1)
}

/// How many admins there are.
pub fn count_admins(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row(
        "SELECT count(*) FROM users WHERE role = 'admin' AND restricted = 0 AND disabled_at IS NULL",
        [],
        |row| row.get(0),
    )
}

/// The user of that name who may log in.
pub fn find(db: &Connection, username: &str) -> rusqlite::Result<Option<UserRow>> {
    let found =
        db.prepare_cached(&format!("{SELECT} AND username = ?"))?.query_row([username], read).optional()?;
    found.map(|found| with_devices(db, found)).transpose()
}

/// All users by name.
pub fn list(db: &Connection) -> rusqlite::Result<Vec<UserRow>> {
    let rows: Vec<_> = db
        .prepare_cached(&format!("{SELECT} ORDER BY username"))?
        .query_map([], read)?
        .collect::<rusqlite::Result<_>>()?;
    rows.into_iter().map(|row| with_devices(db, row)).collect()
}

/// Gives a user another role.
pub fn set_role(db: &Connection, username: &str, role: Role) -> rusqlite::Result<Result<(), Kept>> {
    if role != Role::Admin
        && let Err(kept) = may_lose_admin(db, username)?
    {
        return Ok(Err(kept));
    }
    changed(db.execute("UPDATE users SET role = ? WHERE username = ?", params![role.as_str(), username])?)
}

/// Gives a user another password, and ends the sessions that the old one began.
pub fn set_password(
    db: &Connection,
    username: &str,
    hash: &str,
    now: i64,
) -> rusqlite::Result<Result<(), Kept>> {
    let count =
        db.execute("UPDATE users SET password_hash = ? WHERE username = ?", params![hash, username])?;
    revoke_sessions_of(db, username, now)?;
    changed(count)
}

/// Restricts a user to `devices`, or to none with None.
pub fn set_devices(
    db: &Connection,
    username: &str,
    devices: Option<&BTreeSet<DeviceId>>,
) -> rusqlite::Result<Result<(), Kept>> {
    if devices.is_some()
        && let Err(kept) = may_lose_admin(db, username)?
    {
        return Ok(Err(kept));
    }
    let key: Option<i64> =
        db.query_row("SELECT key FROM users WHERE username = ?", [username], |row| row.get(0)).optional()?;
    let Some(key) = key else { return Ok(Err(Kept::Unknown)) };
    db.execute("UPDATE users SET restricted = ? WHERE key = ?", params![devices.is_some(), key])?;
    db.execute("DELETE FROM user_devices WHERE user = ?", [key])?;
    for device in devices.into_iter().flatten() {
        db.execute(
            "INSERT INTO user_devices (user, device_id) VALUES (?, ?)",
            params![key, device.as_str()],
        )?;
    }
    Ok(Ok(()))
}

/// Removes a user and all sessions.
pub fn remove(db: &Connection, username: &str) -> rusqlite::Result<Result<(), Kept>> {
    const OF: &str = "(SELECT key FROM users WHERE username = ?)";
    if let Err(kept) = may_lose_admin(db, username)? {
        return Ok(Err(kept));
    }
    db.execute(&format!("DELETE FROM sessions WHERE user IN {OF}"), [username])?;
    db.execute(&format!("DELETE FROM user_devices WHERE user IN {OF}"), [username])?;
    changed(db.execute("DELETE FROM users WHERE username = ?", [username])?)
}

/// Somebody has to be able to do everything.
fn may_lose_admin(db: &Connection, username: &str) -> rusqlite::Result<Result<(), Kept>> {
    let Some(user) = find(db, username)? else { return Ok(Err(Kept::Unknown)) };
    let is_full_admin = user.role == Role::Admin && user.devices.is_none();
    Ok(if is_full_admin && count_admins(db)? <= 1 { Err(Kept::LastAdmin) } else { Ok(()) })
}

#[expect(clippy::unnecessary_wraps, reason = "the callers return it as it is")]
fn changed(count: usize) -> rusqlite::Result<Result<(), Kept>> {
    Ok(if count == 1 { Ok(()) } else { Err(Kept::Unknown) })
}

const SELECT: &str = "SELECT key, username, password_hash, role, created_at, restricted FROM users \
     WHERE disabled_at IS NULL";

/// A user, and whether it is restricted.
fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(UserRow, bool)> {
    let user = UserRow {
        key: row.get(0)?,
        username: row.get(1)?,
        password_hash: row.get(2)?,
        role: Role::from_name(&row.get::<_, String>(3)?),
        devices: None,
        created_at: Timestamp::from_millis(row.get(4)?),
    };
    Ok((user, row.get(5)?))
}

fn with_devices(db: &Connection, (mut user, restricted): (UserRow, bool)) -> rusqlite::Result<UserRow> {
    if restricted {
        user.devices = Some(devices_of(db, user.key)?);
    }
    Ok(user)
}

/// The devices that a restricted user may see.
fn devices_of(db: &Connection, user: i64) -> rusqlite::Result<BTreeSet<DeviceId>> {
    let names: Vec<String> = db
        .prepare_cached("SELECT device_id FROM user_devices WHERE user = ?")?
        .query_map([user], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // A name that is none names no device.
    Ok(names.into_iter().filter_map(|name| DeviceId::try_from(name).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_admin_who_sees_everything_stays() {
        let dir = tempfile::tempdir().unwrap();
        let db = crate::store::open_connection(&dir.path().join("ems.db")).unwrap();
        for (name, role) in [("ada", Role::Admin), ("bob", Role::Viewer)] {
            assert!(add(&db, name, "x", role, 0).unwrap());
        }
        let one: BTreeSet<DeviceId> = ["ems_001".parse().unwrap()].into();
        assert_eq!(set_role(&db, "ada", Role::Operator).unwrap(), Err(Kept::LastAdmin));
        assert_eq!(set_devices(&db, "ada", Some(&one)).unwrap(), Err(Kept::LastAdmin));
        assert_eq!(remove(&db, "ADA").unwrap(), Err(Kept::LastAdmin));
        assert_eq!(remove(&db, "carol").unwrap(), Err(Kept::Unknown));
        // An admin of some devices cannot take over.
        assert_eq!(set_role(&db, "bob", Role::Admin).unwrap(), Ok(()));
        assert_eq!(set_devices(&db, "bob", Some(&one)).unwrap(), Ok(()));
        assert_eq!(remove(&db, "ada").unwrap(), Err(Kept::LastAdmin));
        assert_eq!(set_devices(&db, "bob", None).unwrap(), Ok(()));
        assert_eq!(remove(&db, "ada").unwrap(), Ok(()));
        assert_eq!(list(&db).unwrap().len(), 1);
    }
}
