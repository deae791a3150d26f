//! Passwords of users: Argon2id.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// The shortest password that is taken.
pub const MIN_LENGTH: usize = 8;
/// The longest: hashing costs time in proportion.
pub const MAX_LENGTH: usize = 1024;
/// Hashes computed at once. Each takes 19 MiB and tens of milliseconds of a core.
const CONCURRENT: usize = 2;

/// Why a password was not taken or hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has {MIN_LENGTH} to {MAX_LENGTH} bytes, this one has {0}")]
    Length(usize),
    /// The hash function failed.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The thread that hashed it has ended early.
    #[error("the password could not be hashed: its thread has ended")]
    Interrupted,
}

/// The text to store for a new password.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if !(MIN_LENGTH..=MAX_LENGTH).contains(&password.len()) {
        return Err(PasswordError::Length(password.len()));
    }
    let hash: argon2::PasswordHash =
        Argon2::default().hash_password(password.as_bytes()).map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Checks and hashes passwords, few at a time, off the async threads.
#[derive(Clone)]
pub struct Verifier {
    turns: Arc<Semaphore>,
    // Compared with when there is no such user, so that it takes as long.
    nobody: Arc<str>,
}

impl Verifier {
    /// Hashes one password nobody knows.
    pub fn new() -> Result<Self, PasswordError> {
        Ok(Self {
            turns: Arc::new(Semaphore::new(CONCURRENT)),
            nobody: hash("a password that no user has")?.into(),
        })
    }

    /// Whether `password` is the one behind `stored`; false for nobody, after the same work.
    pub async fn verify(&self, password: String, stored: Option<String>) -> bool {
        let nobody = self.nobody.clone();
        let verdict = self.in_turn(move || {
            let text = stored.as_deref().unwrap_or(&nobody);
            let matches = password.len() <= MAX_LENGTH
                && PasswordHash::new(text)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            matches && stored.is_some()
        });
        verdict.await.unwrap_or(false)
    }

    /// The text to store for a new password; it waits for its turn too.
    ///
    /// # Errors
    /// As [`hash`].
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.in_turn(move || hash(&password)).await.unwrap_or(Err(PasswordError::Interrupted))
    }

    /// The turn goes with the work: it does not end when the client who asked for it hangs up. None if the work
    /// did not end at all.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        let task = spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        task.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn whoever_hangs_up_keeps_the_turn_until_the_work_is_done() {
        let verifier = Verifier::new().unwrap();
        let (begun, has_begun) = channel();
        let (end, may_end) = channel::<()>();
        let mut work = Box::pin(verifier.in_turn(move || {
            begun.send(()).unwrap();
            may_end.recv().unwrap();
        }));
        while has_begun.try_recv().is_err() {
            let _ = tokio::time::timeout(std::time::Duration::from_millis(1), &mut work).await;
        }
        drop(work);
        assert_eq!(verifier.turns.available_permits(), CONCURRENT - 1);
        end.send(()).unwrap();
        let all = verifier.turns.acquire_many(u32::try_from(CONCURRENT).unwrap()).await.unwrap();
        drop(all);
    }
}
