//! Positions of UWB tags at an interval of the user's choice, and only when they have moved.

use std::collections::BTreeMap;
use std::time::Duration;

use ems_protocol::{Point, Timestamp, UwbLocation};
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::auth::sessions::User;

/// Tags that one connection may follow.
pub(super) const MAX_TRACKED: usize = 256;

/// What one connection follows, by tag.
#[derive(Default)]
pub struct Tracking(BTreeMap<String, Track>);

struct Track {
    interval: Duration,
    /// In m.
    minimum_movement: f64,
    due: Instant,
    /// What was sent last.
    sent: Option<(Timestamp, Point)>,
}

impl Tracking {
    /// Follows a tag, from now on at this interval; false when there are too many.
    pub fn start(&mut self, tag: &str, interval: Duration, minimum_movement: f64) -> bool {
        if self.0.len() >= MAX_TRACKED && !self.0.contains_key(tag) {
            return false;
        }
        self.0.insert(tag.to_owned(), Track { interval, minimum_movement, due: Instant::now(), sent: None });
        true
    }

    /// Follows a tag no longer.
    pub fn stop(&mut self, tag: &str) {
        self.0.remove(tag);
    }

    /// Follows nothing any more.
    pub fn stop_all(&mut self) {
        self.0.clear();
    }

    /// The tags that are followed.
    pub fn tags(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Returns when it is time to look; never while nothing is followed.
    pub(super) async fn due(&self) {
        match self.0.values().map(|track| track.due).min() {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// The positions to send now.
    pub(super) fn moved(&mut self, app: &App, user: &User) -> Vec<UwbLocation> {
        let now = Instant::now();
        let mut moved = Vec::new();
        for (id, track) in &mut self.0 {
            if track.due > now {
                continue;
            }
            track.due = now + track.interval;
            let Some(tag) = app.uwb.find(app, user, id) else { continue };
            if track.is_news(tag.received_at, tag.last.location) {
                track.sent = Some((tag.received_at, tag.last.location));
                moved.push(tag.last);
            }
        }
        moved
    }
}

impl Track {
    fn is_news(&self, at: Timestamp, point: Point) -> bool {
        self.sent.is_none_or(|(sent_at, from)| at != sent_at && from.distance(point) >= self.minimum_movement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_stays_where_it_is_is_news_once() {
        let point = |x: f64| Point { x, y: 0.0, z: 0.0 };
        let at = Timestamp::from_millis;
        let (interval, due) = (Duration::from_secs(1), Instant::now());
        let mut track = Track { interval, minimum_movement: 0.5, due, sent: None };
        assert!(track.is_news(at(1), point(0.0)));
        track.sent = Some((at(1), point(0.0)));
        assert!(!track.is_news(at(1), point(0.0)));
        assert!(!track.is_news(at(2), point(0.4)));
        assert!(track.is_news(at(3), point(0.5)));
        track.minimum_movement = 0.0;
        assert!(track.is_news(at(2), point(0.0)) && !track.is_news(at(1), point(9.0)));
    }
}
