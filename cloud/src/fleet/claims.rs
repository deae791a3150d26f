//! Which of a device's connections speaks for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ems_protocol::CloseCode;

use super::link::Link;

/// A boot that was evicted and is back within this time fights with the one that evicted it.
const CONFLICT: Duration = Duration::from_mins(1);
/// More copies of one card than anybody makes.
const MAX_EVICTED: usize = 32;
/// Authenticated connections of one device, of which one is live.
pub(super) const MAX_LINKS: usize = 8;

/// Why a connection may not speak for its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Another device uses the same identity: its connection stays.
    Conflict,
    /// The connection was told to close.
    Closing,
}

/// What it means that a connection speaks for its device now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    /// It did so before.
    Already,
    /// No other did.
    First,
    /// It has taken the place of the one with this session id, which is closed.
    Over(String),
}

/// All authenticated connections of a device.
#[derive(Default)]
pub(super) struct Claims {
    links: Vec<Arc<Link>>,
    /// The one that speaks for the device, and its boot.
    live: Option<(Arc<Link>, Option<String>)>,
    /// Boots that were evicted by other ones within [`CONFLICT`], at most [`MAX_EVICTED`].
    evicted: VecDeque<(String, Instant)>,
}

impl Claims {
    /// One more connection, which does not speak for the device yet.
    pub(super) fn admit(&mut self, link: &Arc<Link>) {
        if self.links.len() >= MAX_LINKS {
            let idle = self.links.iter().find(|link| !self.is_live(link) && !link.is_closing());
            idle.inspect(|idle| idle.close(CloseCode::TooMany, "too many connections of this device"));
        }
        self.links.push(link.clone());
    }

    /// From now on this connection speaks for the device, and the one before it is closed.
    pub(super) fn claim(&mut self, link: &Arc<Link>, boot_id: Option<&str>) -> Result<Claimed, Refused> {
        if link.is_closing() {
            return Err(Refused::Closing);
        }
        if self.is_live(link) {
            return Ok(Claimed::Already);
        }
        let mut outcome = Claimed::First;
        if let Some((old, old_boot)) = self.live.clone() {
            if let (Some(new), Some(old_boot)) =
                (boot_id, old_boot.filter(|old| Some(old.as_str()) != boot_id))
            {
                if self.was_evicted(new) {
                    self.evict(new.to_owned());
                    return Err(Refused::Conflict);
                }
                self.evict(old_boot);
            }
            old.close(CloseCode::Superseded, "another connection of this device took over");
            outcome = Claimed::Over(old.session_id.clone());
        }
        self.live = Some((link.clone(), boot_id.map(str::to_owned)));
        Ok(outcome)
    }

    /// The connection is gone; whether it was the one that spoke. Its successor, if there is one, is not touched.
    pub(super) fn release(&mut self, link: &Arc<Link>) -> bool {
        self.links.retain(|other| !Arc::ptr_eq(other, link));
        let was_live = self.is_live(link);
        if was_live {
            self.live = None;
        }
        was_live
    }

    /// Whether a sample of `boot_id` on this connection is of the boot that speaks. In plain mode the first names it.
    pub(super) fn is_of_live_boot(&mut self, link: &Arc<Link>, boot_id: Option<&str>) -> bool {
        match (&mut self.live, boot_id) {
            (Some((live, boot)), Some(sample)) if Arc::ptr_eq(live, link) => {
                boot.get_or_insert_with(|| sample.to_owned()) == sample
            }
            (Some((live, _)), None) => Arc::ptr_eq(live, link),
            _ => false,
        }
    }

    pub(super) fn live(&self) -> Option<&Arc<Link>> {
        self.live.as_ref().map(|(link, _)| link)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.links.iter()
    }

    fn is_live(&self, link: &Arc<Link>) -> bool {
        self.live().is_some_and(|live| Arc::ptr_eq(live, link))
    }

    fn was_evicted(&self, boot_id: &str) -> bool {
        self.evicted.iter().any(|(boot, at)| boot == boot_id && at.elapsed() < CONFLICT)
    }

    fn evict(&mut self, boot_id: String) {
        self.evicted.retain(|(boot, at)| *boot != boot_id && at.elapsed() < CONFLICT);
        if self.evicted.len() >= MAX_EVICTED {
            self.evicted.pop_front();
        }
        self.evicted.push_back((boot_id, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::TokenHash;

    fn link(claims: &mut Claims) -> Arc<Link> {
        let link = Arc::new(Link::new(TokenHash::of("sk_test")));
        claims.admit(&link);
        link
    }

    #[test]
    fn what_a_superseded_connection_had_still_on_its_way_does_not_take_over_again() {
        let mut claims = Claims::default();
        let (old, new) = (link(&mut claims), link(&mut claims));
        assert_eq!(claims.claim(&old, Some("a")), Ok(Claimed::First));
        assert_eq!(claims.claim(&new, Some("a")), Ok(Claimed::Over(old.session_id.clone())));
        assert_eq!(claims.claim(&old, Some("a")), Err(Refused::Closing));
        assert_eq!(old.take().close.map(|(code, _)| code), Some(CloseCode::Superseded));
        assert_eq!(new.take().close, None);
    }

    #[test]
    fn the_clean_up_of_a_superseded_connection_leaves_its_successor() {
        let mut claims = Claims::default();
        let (old, new) = (link(&mut claims), link(&mut claims));
        claims.claim(&old, Some("a")).unwrap();
        claims.claim(&new, Some("a")).unwrap();
        assert!(!claims.release(&old));
        assert!(claims.live().is_some_and(|live| Arc::ptr_eq(live, &new)));
        assert!(claims.release(&new) && claims.live().is_none());
    }

    #[test]
    fn three_devices_with_one_identity_are_a_conflict_too() {
        let mut claims = Claims::default();
        for boot in ["a", "b", "c"] {
            let link = link(&mut claims);
            claims.claim(&link, Some(boot)).unwrap();
        }
        for boot in ["a", "b", "a"] {
            let link = link(&mut claims);
            assert_eq!(claims.claim(&link, Some(boot)), Err(Refused::Conflict), "{boot}");
        }
    }

    #[test]
    fn each_connection_too_many_closes_another_idle_one() {
        let mut claims = Claims::default();
        let links: Vec<_> = (0..MAX_LINKS + 2).map(|_| link(&mut claims)).collect();
        let closed: Vec<_> = links.iter().map(|link| link.is_closing()).collect();
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 2, "{closed:?}");
    }
}
