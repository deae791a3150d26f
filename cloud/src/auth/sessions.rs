//! Sessions of users: begun by a login, prolonged by a refresh, ended by a logout, an expiry or an admin.
//!
//! An access token is good for minutes. A refresh token is exchanged, once, for new ones of both kinds: whoever shows
//! one that was exchanged before has a copy of it, so the whole session ends. For some seconds the exchange can be
//! repeated, as its answer may have been lost.

mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::jwt::{Claims, JwtKey, Use};
use super::password::{PasswordError, Verifier};
pub use super::user::User;
use crate::clock;
use crate::store::users::{Extended, SessionRow};
use crate::store::{Store, StoreError, users};
use watch::Watched;
pub use watch::{By, Ended, SessionWatch};

/// How long tokens are good for.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// An access token.
    pub access: Duration,
    /// A session without a refresh, and its refresh token.
    pub session: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { access: Duration::from_mins(15), session: Duration::from_hours(12) }
    }
}

/// What a login or a refresh gives. Without `Debug`: they are secrets.
pub struct Tokens {
    /// Speaks for the user.
    pub access: String,
    /// Is exchanged for the next ones.
    pub refresh: String,
}

/// What became of a refresh token.
pub enum Refreshed {
    /// It was exchanged.
    Done(User, Tokens),
    /// It had been exchanged before: its session is over for all who have a part of it.
    Reused(String),
    /// It is forged, too old, or of a session that has ended.
    Refused,
}

/// Begins, checks and ends sessions, and tells open sockets when theirs has ended.
pub struct Sessions {
    store: Store,
    key: JwtKey,
    passwords: Verifier,
    lifetimes: Lifetimes,
    // One entry for each session with an open socket.
    watched: Mutex<HashMap<String, Vec<Arc<Watched>>>>,
}

impl Sessions {
    /// Sessions in `store`, signed by `key`.
    pub fn new(store: Store, key: JwtKey, passwords: Verifier, lifetimes: Lifetimes) -> Self {
        Self { store, key, passwords, lifetimes, watched: Mutex::default() }
    }

    /// How long tokens are good for.
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// Begins a session; None for a wrong name or password, after the same time.
    pub async fn login(
        &self,
        username: String,
        password: String,
    ) -> Result<Option<(User, Tokens)>, StoreError> {
        let found = self.store.read(move |db| users::find(db, &username)).await?;
        if !self.passwords.verify(password, found.as_ref().map(|u| u.password_hash.clone())).await {
            return Ok(None);
        }
        let Some(found) = found else { return Ok(None) };
        let mut id = [0; 16];
        getrandom::fill(&mut id)
            .map_err(|error| StoreError::Unavailable { reason: error.to_string(), reopen: false })?;
        let session = BASE64URL_NOPAD.encode(&id);
        let period = self.period();
        let (key, hash, opening) = (found.key, found.password_hash, session.clone());
        if !self.store.write(move |db| users::open_session(db, &opening, (key, &hash), &period)).await? {
            return Ok(None);
        }
        let user = User {
            username: found.username,
            role: found.role,
            devices: found.devices.map(Arc::new),
            session,
        };
        let tokens = self.tokens(&user, 0, &period)?;
        Ok(Some((user, tokens)))
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, token: &str) -> Result<Refreshed, StoreError> {
        let Some(claims) = self.key.verify(token, Use::Refresh) else { return Ok(Refreshed::Refused) };
        let (session, generation, period) = (claims.jti.clone(), claims.generation, self.period());
        let extended =
            self.store.write(move |db| users::extend_session(db, &session, generation, &period)).await?;
        match extended {
            Extended::Done(row, next) => {
                let user = user_of(row, claims.jti);
                let tokens = self.tokens(&user, next, &period)?;
                Ok(Refreshed::Done(user, tokens))
            }
            Extended::Reused => {
                self.end(&claims.jti);
                Ok(Refreshed::Reused(claims.sub))
            }
            Extended::Ended => Ok(Refreshed::Refused),
        }
    }

    /// Ends a session and the sockets that live by it; false when it had ended before.
    pub async fn logout(&self, session: &str) -> Result<bool, StoreError> {
        let (id, now) = (session.to_owned(), clock::now().millis());
        let ended = self.store.write(move |db| users::revoke_session(db, &id, now)).await?;
        self.end(session);
        Ok(ended)
    }

    /// The text to store for a new password.
    ///
    /// # Errors
    /// As [`super::password::hash`].
    pub async fn hash_password(&self, password: String) -> Result<String, PasswordError> {
        self.passwords.hash(password).await
    }

    /// Whether this is the user's password.
    pub async fn knows_password(&self, username: &str, password: String) -> Result<bool, StoreError> {
        let name = username.to_owned();
        let found = self.store.read(move |db| users::find(db, &name)).await?;
        Ok(self.passwords.verify(password, found.map(|user| user.password_hash)).await)
    }

    /// The session that a refresh token belongs to, whether it goes on or not.
    pub fn session_of(&self, refresh: &str) -> Option<(String, String)> {
        self.key.verify(refresh, Use::Refresh).map(|claims| (claims.sub, claims.jti))
    }

    /// Whose access token this is; None unless it is genuine and its session goes on.
    pub async fn authenticate(&self, token: &str) -> Result<Option<User>, StoreError> {
        let Some(claims) = self.key.verify(token, Use::Access) else { return Ok(None) };
        let (session, now) = (claims.jti.clone(), clock::now().millis());
        let row = self.store.read(move |db| users::session(db, &session, now)).await?;
        Ok(row.filter(|row| row.username == claims.sub).map(|row| user_of(row, claims.jti)))
    }

    fn tokens(&self, user: &User, generation: u64, period: &Period) -> Result<Tokens, StoreError> {
        let sign = |purpose, until: i64| {
            let claims = Claims {
                purpose,
                sub: user.username.clone(),
                jti: user.session.clone(),
                generation,
                iat: period.now / 1000,
                exp: until / 1000,
            };
            self.key.sign(&claims).map_err(|error| StoreError::Rejected { reason: error.to_string() })
        };
        Ok(Tokens {
            access: sign(Use::Access, period.access_until)?,
            refresh: sign(Use::Refresh, period.session_until)?,
        })
    }

    fn period(&self) -> Period {
        let now = clock::now().millis();
        let after = |life: Duration| now.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
        Period {
            now,
            access_until: after(self.lifetimes.access),
            session_until: after(self.lifetimes.session),
        }
    }
}

/// When tokens begin and end, ms since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// Now.
    pub now: i64,
    /// The end of the access token.
    pub access_until: i64,
    /// The end of the session, unless it is refreshed.
    pub session_until: i64,
}

fn user_of(row: SessionRow, session: String) -> User {
    User { username: row.username, role: row.role, devices: row.devices.map(Arc::new), session }
}
