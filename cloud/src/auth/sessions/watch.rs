//! Sockets live as long as their sessions: which are open, and what ends them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Sessions, User};
use crate::clock;
use crate::store::users::{self, SessionRow};
use crate::sync::Locked;

/// How often the sessions of open sockets are looked up.
const WATCH: Duration = Duration::from_secs(2);

/// An open socket.
pub(super) struct Watched {
    user: User,
    by: By,
    ended: CancellationToken,
    why: Mutex<Ended>,
}

/// What keeps a socket open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A cookie: the session, which the page refreshes.
    Session,
    /// A token in a header or a message: until the newest access token of its session has run out.
    Token,
}

/// Why a socket loses its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Logged out, expired or revoked.
    Session,
    /// The token ran out and no newer one was asked for.
    Token,
    /// The user may do more or less than before.
    Rights,
}

impl Sessions {
    /// Keeps an eye on a session for an open socket.
    pub fn watch(self: &Arc<Self>, user: &User, by: By) -> SessionWatch {
        let watched = Arc::new(Watched {
            user: user.clone(),
            by,
            ended: CancellationToken::new(),
            why: Mutex::new(Ended::Session),
        });
        self.watched.locked().entry(user.session.clone()).or_default().push(watched.clone());
        SessionWatch { sessions: self.clone(), watched }
    }

    /// Looks up the sessions of open sockets again and again, for as long as the server runs.
    pub async fn keep_watch(&self) {
        let mut tick = tokio::time::interval(WATCH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let ids: Vec<String> = self.watched.locked().keys().cloned().collect();
            if ids.is_empty() {
                continue;
            }
            let now = clock::now().millis();
            let found = self.store.read(move |db| {
                let mut found = Vec::with_capacity(ids.len());
                for id in ids {
                    let row = users::session(db, &id, now)?;
                    found.push((id, row));
                }
                Ok(found)
            });
            // While the store cannot be read, nobody can tell: sockets stay as they are.
            for (id, row) in found.await.unwrap_or_default() {
                match row {
                    None => self.end(&id),
                    Some(row) => self.compare(&id, &row, now),
                }
            }
        }
    }

    fn compare(&self, session: &str, row: &SessionRow, now: i64) {
        for watched in self.watched.locked().get(session).into_iter().flatten() {
            if watched.user.role != row.role || watched.user.devices.as_deref() != row.devices.as_ref() {
                watched.end(Ended::Rights);
            } else if watched.by == By::Token && row.access_expires_at <= now {
                watched.end(Ended::Token);
            }
        }
    }

    pub(super) fn end(&self, session: &str) {
        for watched in self.watched.locked().get(session).into_iter().flatten() {
            watched.end(Ended::Session);
        }
    }
}

impl Watched {
    fn end(&self, why: Ended) {
        if !self.ended.is_cancelled() {
            *self.why.locked() = why;
            self.ended.cancel();
        }
    }
}

/// A socket's eye on its session.
pub struct SessionWatch {
    sessions: Arc<Sessions>,
    watched: Arc<Watched>,
}

impl SessionWatch {
    /// Returns when the socket has lost its session, with the reason.
    pub async fn ended(&self) -> Ended {
        self.watched.ended.cancelled().await;
        *self.watched.why.locked()
    }

    /// Who the socket speaks for.
    pub fn user(&self) -> &User {
        &self.watched.user
    }
}

impl Drop for SessionWatch {
    fn drop(&mut self) {
        let mut all = self.sessions.watched.locked();
        if let Some(sockets) = all.get_mut(&self.watched.user.session) {
            sockets.retain(|other| !Arc::ptr_eq(other, &self.watched));
            if sockets.is_empty() {
                all.remove(&self.watched.user.session);
            }
        }
    }
}
