//! Whether a device is there, and whether it speaks: pure, the time comes in as an argument.

use std::time::{Duration, Instant};

pub use ems_protocol::Presence;
use ems_protocol::Timestamp;

/// A device that is connected is expected to speak this often at least.
const FRESH: Duration = Duration::from_secs(3);
/// One that speaks less often is expected within so many of its usual intervals.
const INTERVALS: u32 = 3;
/// The last intervals between its samples, of which the usual one is the median: a pause does not move it.
const KEPT: usize = 5;
/// An interval below this changes nothing: [`FRESH`] is longer than [`INTERVALS`] of it.
const QUICK: Duration = Duration::from_secs(1);
/// So many quick intervals in a row are a burst, which says nothing of the pace; more of them are the pace.
const BURST: u32 = 10;
/// Nothing is usual that takes longer.
const LONGEST: Duration = Duration::from_hours(1);

/// Follows one device.
#[derive(Debug)]
pub(super) struct Pulse {
    presence: Presence,
    since: Timestamp,
    /// The last live sample, or the connection: on both clocks.
    fresh: Option<(Instant, Timestamp)>,
    /// The last live sample of this connection.
    sample: Option<Instant>,
    intervals: [Duration; KEPT],
    known: usize,
    /// Quick intervals in a row.
    quick: u32,
}

impl Pulse {
    /// A device that is not connected; `last_seen` is when it was heard of.
    pub(super) fn new(registered: Timestamp, last_seen: Option<Timestamp>) -> Self {
        let presence = if last_seen.is_some() { Presence::Offline } else { Presence::Never };
        Self {
            presence,
            since: last_seen.unwrap_or(registered),
            fresh: None,
            sample: None,
            intervals: [Duration::ZERO; KEPT],
            known: 0,
            quick: 0,
        }
    }

    pub(super) fn presence(&self) -> Presence {
        self.presence
    }

    /// Since when it is so; a stale device since its last sample.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// It has connected: that is a sign of life.
    pub(super) fn connected(&mut self, now: Instant, at: Timestamp) {
        self.sample = None;
        self.speaks(now, at);
    }

    /// It is gone.
    pub(super) fn disconnected(&mut self, at: Timestamp) {
        (self.presence, self.since, self.fresh) = (Presence::Offline, at, None);
    }

    /// A live sample has come; whether that is news.
    pub(super) fn sample(&mut self, now: Instant, at: Timestamp) -> bool {
        if let Some(before) = self.sample.replace(now) {
            self.learn(now.duration_since(before));
        }
        self.speaks(now, at)
    }

    /// Takes what the history says of its interval, unless it has shown one itself.
    pub(super) fn expect(&mut self, interval: Duration) {
        if self.known == 0 {
            self.note(interval);
        }
    }

    /// Whether it has just become stale.
    pub(super) fn fades(&mut self, now: Instant) -> bool {
        let Some((fresh, at)) = self.fresh else { return false };
        if self.presence != Presence::Online || now.duration_since(fresh) <= self.patience() {
            return false;
        }
        (self.presence, self.since) = (Presence::Stale, at);
        true
    }

    fn speaks(&mut self, now: Instant, at: Timestamp) -> bool {
        self.fresh = Some((now, at));
        if self.presence == Presence::Online {
            return false;
        }
        (self.presence, self.since) = (Presence::Online, at);
        true
    }

    fn learn(&mut self, interval: Duration) {
        self.quick = if interval < QUICK { self.quick.saturating_add(1) } else { 0 };
        if self.quick == 0 || self.quick > BURST {
            self.note(interval);
        }
    }

    fn note(&mut self, interval: Duration) {
        if let Some(place) = self.intervals.get_mut(self.known % KEPT) {
            *place = interval.min(LONGEST);
            self.known += 1;
        }
    }

    fn patience(&self) -> Duration {
        let mut intervals = self.intervals;
        let known = intervals.get_mut(..self.known.min(KEPT)).unwrap_or_default();
        known.sort_unstable();
        // Of two the shorter one: a pause among the first samples is not the pace.
        let usual = known.get(known.len().saturating_sub(1) / 2).copied().unwrap_or_default();
        FRESH.max(usual * INTERVALS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds.cast_signed() * 1000)
    }

    /// Samples each `interval`, until `end`.
    fn pulse(interval: u64, end: u64) -> (Pulse, Instant) {
        let start = Instant::now();
        let mut pulse = Pulse::new(at(0), None);
        assert_eq!(pulse.presence(), Presence::Never);
        pulse.connected(start, at(0));
        for second in (0..=end).step_by(interval.try_into().unwrap()) {
            pulse.sample(start + Duration::from_secs(second), at(second));
        }
        (pulse, start)
    }

    #[test]
    fn a_device_is_stale_after_three_seconds_of_silence_and_online_with_its_next_sample() {
        let (mut pulse, start) = pulse(1, 10);
        assert!(!pulse.fades(start + Duration::from_secs(13)));
        assert!(pulse.fades(start + Duration::from_millis(13_001)));
        assert_eq!((pulse.presence(), pulse.since()), (Presence::Stale, at(10)));
        assert!(!pulse.fades(start + Duration::from_secs(60)), "it is news once");
        assert!(pulse.sample(start + Duration::from_secs(60), at(60)));
        assert_eq!((pulse.presence(), pulse.since()), (Presence::Online, at(60)));
        assert!(!pulse.fades(start + Duration::from_secs(63)), "one pause is not its interval");
        assert!(pulse.fades(start + Duration::from_secs(64)));
        pulse.disconnected(at(70));
        assert_eq!((pulse.presence(), pulse.since()), (Presence::Offline, at(70)));
    }

    #[test]
    fn a_device_that_speaks_each_ten_seconds_is_given_three_of_its_intervals() {
        let (mut pulse, start) = pulse(10, 100);
        assert!(!pulse.fades(start + Duration::from_secs(130)));
        assert!(pulse.fades(start + Duration::from_secs(131)));
    }

    #[test]
    fn a_device_that_speaks_each_ten_seconds_is_stale_at_most_once_before_its_pace_is_known() {
        let start = Instant::now();
        let mut pulse = Pulse::new(at(0), None);
        pulse.connected(start, at(0));
        let mut faded = 0;
        for second in 0..100 {
            if second % 10 == 0 {
                pulse.sample(start + Duration::from_secs(second), at(second));
            }
            faded += u32::from(pulse.fades(start + Duration::from_secs(second)));
        }
        assert_eq!(faded, 1);
    }

    #[test]
    fn a_burst_does_not_make_a_slow_device_stale_and_a_quicker_pace_is_learnt() {
        let (mut pulse, start) = pulse(10, 100);
        for milli in [100_010, 100_020, 100_030] {
            pulse.sample(start + Duration::from_millis(milli), at(100));
        }
        assert!(!pulse.fades(start + Duration::from_secs(110)));
        for half in 0..40 {
            pulse.sample(start + Duration::from_millis(110_000 + half * 500), at(110));
        }
        assert!(pulse.fades(start + Duration::from_secs(135)));
    }

    #[test]
    fn after_a_start_the_pace_is_what_the_history_says_until_the_device_has_shown_another() {
        let start = Instant::now();
        let mut pulse = Pulse::new(at(0), Some(at(5)));
        pulse.expect(Duration::from_secs(10));
        pulse.connected(start, at(100));
        assert!(!pulse.fades(start + Duration::from_secs(30)));
        pulse.sample(start + Duration::from_secs(30), at(130));
        pulse.sample(start + Duration::from_secs(31), at(131));
        pulse.expect(Duration::from_mins(1));
        assert!(pulse.fades(start + Duration::from_secs(35)));
    }

    #[test]
    fn a_connection_that_brings_no_sample_is_stale_as_soon_as_one_that_went_silent() {
        let start = Instant::now();
        let mut pulse = Pulse::new(at(0), Some(at(5)));
        assert_eq!((pulse.presence(), pulse.since()), (Presence::Offline, at(5)));
        pulse.connected(start, at(100));
        assert_eq!(pulse.presence(), Presence::Online);
        assert!(pulse.fades(start + Duration::from_secs(4)));
        assert_eq!((pulse.presence(), pulse.since()), (Presence::Stale, at(100)));
    }
}
