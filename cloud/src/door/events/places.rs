//! Places in the server's memory for the last minutes of devices, on their way to pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::Locked;

/// Devices whose last minutes may be in memory at once, at most 1 MiB each.
const PLACES: usize = 64;
/// Of these one user has so many: pages that stop reading keep theirs until they are given up.
const PER_USER: usize = 4;

/// All places.
pub struct Places {
    all: Arc<Semaphore>,
    /// Of those who hold a place or wait for one.
    users: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place, free again when dropped.
pub struct Place {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(PLACES)), users: Mutex::default() }
    }
}

impl Places {
    /// Waits for a place for `user`; None is never given, as no semaphore is closed. Cancel safe.
    pub async fn take(&self, user: &str) -> Option<Place> {
        // The own one first: who waits for it keeps nobody else waiting.
        let own = self.own(user).acquire_owned().await.ok()?;
        let all = self.all.clone().acquire_owned().await.ok()?;
        Some(Place { _all: all, _own: own })
    }

    fn own(&self, user: &str) -> Arc<Semaphore> {
        let mut users = self.users.locked();
        // Each place and each wait holds on to its semaphore.
        users.retain(|_, own| Arc::strong_count(own) > 1);
        users.entry(user.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(PER_USER))).clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_user_whose_pages_stop_reading_takes_the_places_of_nobody_else() {
        let places = Places::default();
        let now = |user: &str| places.take(user).now_or_never().flatten();
        let mut stopped: Vec<Place> = std::iter::from_fn(|| now("ada")).take(PLACES).collect();
        assert_eq!(stopped.len(), PER_USER);
        let held = now("bob");
        assert!(held.is_some());
        stopped.pop();
        assert!(now("ada").is_some(), "a place that was given back is free");
        drop(stopped);
        // More pages than places: they take turns in the order in which they came.
        let held: Vec<Place> = std::iter::from_fn(|| now("dan")).take(PLACES).collect();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(places.take("dan"))).collect();
        assert!(waiting.iter_mut().all(|page| page.now_or_never().is_none()));
        for (place, page) in held.into_iter().zip(&mut waiting) {
            drop(place);
            assert!(page.now_or_never().is_some());
        }
        drop(waiting);
        drop(now("cleo"));
        drop(now("bob"));
        assert_eq!(places.users.locked().len(), 1, "of users without a place nothing is kept");
    }
}
