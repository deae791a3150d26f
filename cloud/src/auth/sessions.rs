//! Sessions of users: begun by a login, prolonged by a refresh, ended by a logout, an expiry or an admin.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tokio_util::sync::CancellationToken;

use super::jwt::{Claims, JwtKey};
use super::password::Verifier;
use super::role::Role;
use crate::clock;
use crate::store::{Store, StoreError, users};
use crate::sync::Locked;

/// How long a session lives without a refresh.
pub const LIFETIME: Duration = Duration::from_hours(12);
/// How often the sessions of open sockets are looked up.
const WATCH: Duration = Duration::from_secs(2);

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub username: String,
    /// What the user may do now.
    pub role: Role,
    /// The session that speaks for the user.
    pub session: String,
}

/// Begins, checks and ends sessions, and tells open sockets when theirs has ended.
pub struct Sessions {
    store: Store,
    key: JwtKey,
    passwords: Verifier,
    // One entry for each session with an open socket.
    watched: Mutex<HashMap<String, Watched>>,
}

struct Watched {
    ended: CancellationToken,
    sockets: usize,
}

impl Sessions {
    /// Sessions in `store`, signed by `key`.
    pub fn new(store: Store, key: JwtKey, passwords: Verifier) -> Self {
        Self { store, key, passwords, watched: Mutex::default() }
    }

    /// Begins a session; None for a wrong name or password, after the same time. The text is the JWT.
    pub async fn login(
        &self,
        username: String,
        password: String,
    ) -> Result<Option<(User, String)>, StoreError> {
        let user = self.store.read(move |db| users::find(db, &username)).await?;
        if !self.passwords.verify(password, user.as_ref().map(|u| u.password_hash.clone())).await {
            return Ok(None);
        }
        let Some(user) = user else { return Ok(None) };
        let mut id = [0; 16];
        getrandom::fill(&mut id)
            .map_err(|error| StoreError::Unavailable { reason: error.to_string(), reopen: false })?;
        let session = BASE64URL_NOPAD.encode(&id);
        let (now, expires_at) = period();
        let (key, opened) = (user.key, session.clone());
        self.store.write(move |db| users::open_session(db, &opened, key, now, expires_at)).await?;
        let token = self.token(&user.username, &session, now, expires_at)?;
        Ok(Some((User { username: user.username, role: user.role, session }, token)))
    }

    /// Prolongs a session; None when it has ended meanwhile.
    pub async fn refresh(&self, user: &User) -> Result<Option<String>, StoreError> {
        let (now, expires_at) = period();
        let session = user.session.clone();
        if !self.store.write(move |db| users::extend_session(db, &session, now, expires_at)).await? {
            return Ok(None);
        }
        self.token(&user.username, &user.session, now, expires_at).map(Some)
    }

    /// Ends a session and the sockets that live by it.
    pub async fn logout(&self, user: &User) -> Result<(), StoreError> {
        let (session, now) = (user.session.clone(), clock::now().millis());
        self.store.write(move |db| users::revoke_session(db, &session, now)).await?;
        if let Some(watched) = self.watched.locked().get(&user.session) {
            watched.ended.cancel();
        }
        Ok(())
    }

    /// Whose token this is; None unless it is genuine and its session goes on.
    pub async fn authenticate(&self, token: &str) -> Result<Option<User>, StoreError> {
        let Some(claims) = self.key.verify(token) else { return Ok(None) };
        let (session, now) = (claims.jti.clone(), clock::now().millis());
        let row = self.store.read(move |db| users::session(db, &session, now)).await?;
        Ok(row.filter(|row| row.username == claims.sub).map(|row| User {
            username: row.username,
            role: row.role,
            session: claims.jti,
        }))
    }

    /// Keeps an eye on a session for an open socket.
    pub fn watch(self: &std::sync::Arc<Self>, user: &User) -> SessionWatch {
        let mut all = self.watched.locked();
        let entry = all
            .entry(user.session.clone())
            .or_insert_with(|| Watched { ended: CancellationToken::new(), sockets: 0 });
        entry.sockets += 1;
        SessionWatch { sessions: self.clone(), session: user.session.clone(), ended: entry.ended.clone() }
    }

    /// Looks up the sessions of open sockets again and again, for as long as the server runs.
    pub async fn keep_watch(&self) {
        let mut tick = tokio::time::interval(WATCH);
        loop {
            tick.tick().await;
            let ids: Vec<String> = self.watched.locked().keys().cloned().collect();
            if ids.is_empty() {
                continue;
            }
            let now = clock::now().millis();
            let ended = self.store.read(move |db| {
                let mut ended = Vec::new();
                for id in ids {
                    if users::session(db, &id, now)?.is_none() {
                        ended.push(id);
                    }
                }
                Ok(ended)
            });
            // While the store cannot be read, nobody can tell: sockets stay as they are.
            let ended = ended.await.unwrap_or_default();
            let all = self.watched.locked();
            for watched in ended.iter().filter_map(|id| all.get(id)) {
                watched.ended.cancel();
            }
        }
    }

    fn token(&self, username: &str, session: &str, now: i64, expires_at: i64) -> Result<String, StoreError> {
        let claims =
            Claims { sub: username.into(), jti: session.into(), iat: now / 1000, exp: expires_at / 1000 };
        self.key.sign(&claims).map_err(|error| StoreError::Rejected { reason: error.to_string() })
    }
}

fn period() -> (i64, i64) {
    let now = clock::now().millis();
    (now, now + i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX))
}

/// A socket's eye on its session.
pub struct SessionWatch {
    sessions: std::sync::Arc<Sessions>,
    session: String,
    ended: CancellationToken,
}

impl SessionWatch {
    /// Returns when the session has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for SessionWatch {
    fn drop(&mut self) {
        let mut all = self.sessions.watched.locked();
        if let Some(watched) = all.get_mut(&self.session) {
            watched.sockets -= 1;
            if watched.sockets == 0 {
                all.remove(&self.session);
            }
        }
    }
}
