//! How many connections there may be, by what they have in common. What is refused is told which limit it was.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::sync::Locked;

/// The limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct Maxima {
    /// TCP connections of all kinds.
    pub connections: usize,
    /// WebSockets of one user.
    pub per_user: usize,
    /// WebSockets of users from one address, or from one /64 network of IPv6.
    pub per_address: usize,
    /// TCP connections from one address that have not made a request yet.
    pub silent: usize,
    /// WebSockets from one address that have not authenticated yet.
    pub strangers: usize,
}

impl Default for Maxima {
    fn default() -> Self {
        Self { connections: 50_000, per_user: 100, per_address: 1_000, silent: 1_000, strangers: 32 }
    }
}

/// Who is counted.
pub struct Limits {
    /// TCP connections.
    pub connections: Seats<()>,
    /// Users' sockets by user.
    pub users: Seats<String>,
    /// Users' sockets by address.
    pub addresses: Seats<IpAddr>,
    /// TCP connections that have not made a request, by address.
    pub silent: Seats<IpAddr>,
    /// Sockets that have not authenticated, by address.
    pub strangers: Seats<IpAddr>,
}

impl Limits {
    /// Nobody is there yet.
    pub fn new(maxima: &Maxima) -> Self {
        Self {
            connections: Seats::new(maxima.connections),
            users: Seats::new(maxima.per_user),
            addresses: Seats::new(maxima.per_address),
            silent: Seats::new(maxima.silent),
            strangers: Seats::new(maxima.strangers),
        }
    }
}

/// A number of seats for each `K`.
pub struct Seats<K>(Arc<Counted<K>>);

struct Counted<K> {
    max: usize,
    taken: Mutex<HashMap<K, usize>>,
}

/// A seat, free again when dropped.
pub struct Seat<K: Hash + Eq> {
    all: Arc<Counted<K>>,
    of: K,
}

impl<K: Hash + Eq + Clone> Seats<K> {
    fn new(max: usize) -> Self {
        Self(Arc::new(Counted { max, taken: Mutex::default() }))
    }

    /// Takes a seat of `of`, if there is one.
    pub fn take(&self, of: K) -> Option<Seat<K>> {
        let mut taken = self.0.taken.locked();
        let count = taken.entry(of.clone()).or_default();
        if *count >= self.0.max {
            return None;
        }
        *count += 1;
        Some(Seat { all: self.0.clone(), of })
    }

    /// Seats that are taken, of all together.
    pub fn taken(&self) -> usize {
        self.0.taken.locked().values().sum()
    }
}

impl<K: Hash + Eq> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut taken = self.all.taken.locked();
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_run_out_for_each_and_are_free_again_when_dropped() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take("ada"), seats.take("ada"));
        assert!(first.is_some() && second.is_some() && seats.take("ada").is_none());
        let other = seats.take("bob");
        assert!(other.is_some());
        assert_eq!(seats.taken(), 3);
        drop((first, other));
        assert!(seats.take("ada").is_some());
        drop(second);
        assert!(seats.0.taken.locked().is_empty());
    }
}
