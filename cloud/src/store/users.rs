//! Users and their sessions.

use rusqlite::{Connection, OptionalExtension, params};

use crate::auth::role::Role;

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
}

/// A session that is neither revoked nor expired, of a user who is not disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose it is.
    pub username: String,
    /// What that user may do now.
    pub role: Role,
    /// ms since 1970.
    pub expires_at: i64,
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
    db.query_row("SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL", [], |row| {
        row.get(0)
    })
}

/// The user of that name who may log in.
pub fn find(db: &Connection, username: &str) -> rusqlite::Result<Option<UserRow>> {
    db.prepare_cached(
        "SELECT key, username, password_hash, role FROM users WHERE username = ? AND disabled_at IS NULL",
    )?
    .query_row([username], |row| {
        Ok(UserRow {
            key: row.get(0)?,
            username: row.get(1)?,
            password_hash: row.get(2)?,
            role: Role::from_name(&row.get::<_, String>(3)?),
        })
    })
    .optional()
}

/// Begins a session, and forgets those that ended more than a day ago.
pub fn open_session(db: &Connection, id: &str, user: i64, now: i64, expires_at: i64) -> rusqlite::Result<()> {
    const DAY: i64 = 86_400_000;
    db.execute("DELETE FROM sessions WHERE expires_at < ?", [now - DAY])?;
    db.execute(
        "INSERT INTO sessions (id, user, created_at, expires_at) VALUES (?, ?, ?, ?)",
        params![id, user, now, expires_at],
    )?;
    Ok(())
}

/// Prolongs a session that has not ended; false when there is none.
pub fn extend_session(db: &Connection, id: &str, now: i64, expires_at: i64) -> rusqlite::Result<bool> {
    let changed = db.execute(
        "UPDATE sessions SET expires_at = max(expires_at, ?3) WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?2",
        params![id, now, expires_at],
    )?;
    Ok(changed == 1)
}

/// Ends a session.
pub fn revoke_session(db: &Connection, id: &str, now: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", params![now, id])?;
    Ok(())
}

/// The session, unless it has ended.
pub fn session(db: &Connection, id: &str, now: i64) -> rusqlite::Result<Option<SessionRow>> {
    db.prepare_cached(
        "SELECT username, role, expires_at FROM sessions JOIN users ON users.key = sessions.user \
         WHERE sessions.id = ? AND revoked_at IS NULL AND expires_at > ? AND disabled_at IS NULL",
    )?
    .query_row(params![id, now], |row| {
        Ok(SessionRow {
            username: row.get(0)?,
            role: Role::from_name(&row.get::<_, String>(1)?),
            expires_at: row.get(2)?,
        })
    })
    .optional()
}
