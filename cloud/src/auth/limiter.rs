//! Slows down those who guess passwords.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::Locked;

/// Attempts at once for one user from one address.
const PER_USER: f64 = 10.0;
/// Attempts at once from one address.
const PER_ADDRESS: f64 = 30.0;
/// One more attempt is granted after this time.
const REFILL: Duration = Duration::from_secs(6);
/// Buckets that are remembered; full ones are forgotten first.
const REMEMBERED: usize = 10_000;

/// Token buckets by address, and by address and user name.
#[derive(Default)]
pub struct LoginLimiter(Mutex<HashMap<Key, Bucket>>);

type Key = (IpAddr, Option<String>);

struct Bucket {
    left: f64,
    filled: Instant,
}

impl LoginLimiter {
    /// Takes one attempt.
    ///
    /// # Errors
    /// How long to wait when there is none left.
    pub fn attempt(&self, address: IpAddr, username: &str, now: Instant) -> Result<(), Duration> {
        let network = network(address);
        self.take([(network, None), (network, Some(folded(username)))], now)
    }

    /// Takes one attempt of somebody who is logged in, wherever they are: nobody else's count.
    ///
    /// # Errors
    /// As [`Self::attempt`].
    pub fn attempt_of(&self, username: &str) -> Result<(), Duration> {
        self.take([(IpAddr::V4(Ipv4Addr::UNSPECIFIED), Some(folded(username)))], Instant::now())
    }

    fn take(&self, keys: impl IntoIterator<Item = Key>, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.locked();
        if buckets.len() >= REMEMBERED {
            make_room(&mut buckets, now);
        }
        for key in keys {
            let capacity = capacity(&key);
            buckets.entry(key).or_insert(Bucket { left: capacity, filled: now }).take(capacity, now)?;
        }
        Ok(())
    }
}

/// Case does not tell users apart, and a long name needs no memory.
fn folded(username: &str) -> String {
    username.chars().take(64).flat_map(char::to_lowercase).collect()
}

/// Forgets full buckets, and then a tenth of the others: those with most attempts left. To be forgotten is worth an
/// attempt or two; to refuse everybody because many networks have tried would lock all out.
fn make_room(buckets: &mut HashMap<Key, Bucket>, now: Instant) {
    let part = |key: &Key, bucket: &Bucket| bucket.level(capacity(key), now) / capacity(key);
    buckets.retain(|key, bucket| part(key, bucket) < 1.0);
    let mut excess = (buckets.len() + REMEMBERED / 10).saturating_sub(REMEMBERED);
    if excess == 0 {
        return;
    }
    let mut parts: Vec<f64> = buckets.iter().map(|(key, bucket)| part(key, bucket)).collect();
    let (_, least, _) = parts.select_nth_unstable_by(excess - 1, |a, b| b.total_cmp(a));
    let least = *least;
    buckets.retain(|key, bucket| {
        let goes = excess > 0 && part(key, bucket) >= least;
        excess -= usize::from(goes);
        !goes
    });
}

/// What one attacker has: an address of IPv4, but a /64 network of IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

const fn capacity(key: &Key) -> f64 {
    if key.1.is_some() { PER_USER } else { PER_ADDRESS }
}

impl Bucket {
    fn level(&self, capacity: f64, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() / REFILL.as_secs_f64();
        (self.left + gained).min(capacity)
    }

    fn take(&mut self, capacity: f64, now: Instant) -> Result<(), Duration> {
        self.left = self.level(capacity, now);
        self.filled = now;
        if self.left < 1.0 {
            return Err(REFILL.mul_f64(1.0 - self.left));
        }
        self.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_run_out_and_come_back_one_by_one_for_each_user() {
        let limiter = LoginLimiter::default();
        let (address, start) = (IpAddr::from([127, 0, 0, 1]), Instant::now());
        for _ in 0..10 {
            limiter.attempt(address, "Ada", start).unwrap();
        }
        assert_eq!(limiter.attempt(address, "ada", start), Err(REFILL));
        limiter.attempt(address, "bob", start).unwrap();
        limiter.attempt(address, "ada", start + REFILL).unwrap();
        assert!(limiter.attempt(address, "ada", start + REFILL).is_err());
    }

    #[test]
    fn a_user_who_guesses_the_own_password_stops_no_other_user() {
        let limiter = LoginLimiter::default();
        let tried = (0..100).filter(|_| limiter.attempt_of("ada").is_ok()).count();
        assert!(tried < 100, "guesses of a user who is logged in are not limited");
        limiter.attempt_of("bob").unwrap();
    }

    #[test]
    fn whoever_owns_a_network_of_ipv6_has_no_more_attempts_than_one_address() {
        let limiter = LoginLimiter::default();
        let start = Instant::now();
        let attempt = |address: &str| limiter.attempt(address.parse().unwrap(), "ada", start);
        for n in 0..10 {
            attempt(&format!("2001:db8::{n:x}")).unwrap();
        }
        assert!(attempt("2001:db8::ffff:1").is_err());
        attempt("2001:db8:0:1::1").unwrap();
        for _ in 0..10 {
            attempt("192.0.2.1").unwrap();
        }
        assert!(attempt("::ffff:192.0.2.1").is_err());
    }

    #[test]
    fn an_attacker_with_ten_thousand_networks_keeps_nobody_else_from_logging_in() {
        let limiter = LoginLimiter::default();
        let start = Instant::now();
        let attempt = |address: &str, name: &str| limiter.attempt(address.parse().unwrap(), name, start);
        for n in 0..10 {
            attempt("192.0.2.1", &format!("guess-{n}")).unwrap();
        }
        while attempt("192.0.2.1", "ada").is_ok() {}
        for n in 0..30_000_u32 {
            let _ = limiter.attempt(IpAddr::V6(Ipv6Addr::from_bits(u128::from(n) << 64)), "ada", start);
        }
        attempt("198.51.100.7", "ada").unwrap();
        assert!(attempt("192.0.2.1", "ada").is_err(), "whoever has used up the attempts is not forgotten");
    }

    #[test]
    fn many_addresses_do_not_grow_the_memory_for_ever() {
        let limiter = LoginLimiter::default();
        let start = Instant::now();
        for n in 0..40_000_u32 {
            let _ = limiter.attempt(IpAddr::from(n.to_be_bytes()), "x", start + REFILL * n);
        }
        assert!(limiter.0.locked().len() <= REMEMBERED + 1);
    }
}
