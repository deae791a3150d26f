//! What a device says: samples, live and late, and what it says of itself.

use std::sync::Arc;
use std::time::Instant;

use ems_protocol::{Battery, Telemetry, Timestamp};

use super::Device;
use super::state::State;
use crate::clock;
use crate::fleet::frame::Frame;
use crate::fleet::link::Link;
use crate::fleet::spark;
use crate::fleet::vitals::Vitals;
use crate::socket::Utf8Bytes;
use crate::store::facts::Facts;
use crate::store::samples;
use crate::sync::Locked;

/// What the row in the room `fleet` takes from a late sample.
#[derive(Debug, Clone, Copy)]
pub struct Late {
    /// Its place on the time axis, ms since 1970.
    at: i64,
    /// In %.
    soc: Option<f64>,
    /// In W.
    power: Option<f64>,
}

impl Late {
    /// Of a sample that arrived then, ms since 1970.
    pub fn of(sample: &Telemetry, received_at: i64) -> Self {
        let Battery { soc, power, .. } = sample.battery;
        Self { at: samples::at(sample, received_at), soc, power }
    }
}

impl Device {
    /// Passes a sample on to subscribers, if it is live: of the boot that speaks for the device, and newer than all
    /// before. `text` is the sample as the device wrote it.
    pub fn publish(&self, link: &Arc<Link>, sample: &Telemetry, text: Utf8Bytes) -> bool {
        self.publish_as(&mut self.state.locked(), link, sample, text, clock::now())
    }

    /// As [`Self::heard`] and [`Self::publish`]; None for a connection with which something has to be settled first.
    pub fn publish_settled(
        &self,
        link: &Arc<Link>,
        sample: &Telemetry,
        text: Utf8Bytes,
        now: Timestamp,
    ) -> Option<bool> {
        let mut state = self.state.locked();
        let is_live = state.claims.live().is_some_and(|live| Arc::ptr_eq(live, link));
        if !is_live || link.is_closing() || state.next_token.is_some() {
            return None;
        }
        state.last_seen = Some(now);
        state.row.is_news = true;
        Some(self.publish_as(&mut state, link, sample, text, now))
    }

    fn publish_as(
        &self,
        state: &mut State,
        link: &Arc<Link>,
        sample: &Telemetry,
        text: Utf8Bytes,
        now: Timestamp,
    ) -> bool {
        let boot = sample.boot_id.as_deref().filter(|_| sample.seq.is_some());
        if !state.claims.is_of_live_boot(link, boot) {
            return false;
        }
        if let (Some(sample_boot), Some(seq)) = (&sample.boot_id, sample.seq) {
            match &mut state.newest {
                Some((boot, newest)) if boot == sample_boot && seq <= *newest => return false,
                Some((boot, newest)) if boot == sample_boot => *newest = seq,
                newest => *newest = Some((sample_boot.clone(), seq)),
            }
        }
        let frame = Arc::new(Frame::new(text));
        for subscriber in &state.subscribers {
            subscriber.telemetry(self.key, &frame);
        }
        state.latest = Some(frame);
        let at = samples::at(sample, now.millis());
        state.vitals = Vitals::of(sample, Timestamp::from_millis(at));
        state.spark.add(at, sample.battery.soc, sample.battery.power);
        state.last_seen = Some(now);
        state.row.is_news = true;
        if state.pulse.sample(Instant::now(), now) {
            self.announce(state);
        }
        true
    }

    /// Late samples are stored that were not there before.
    pub fn late(&self, samples: &[Late]) {
        let now = clock::now().millis();
        let mut state = self.state.locked();
        let state = &mut *state;
        for &Late { at, soc, power } in samples {
            if spark::is_recent(at, now) && state.spark.add(at, soc, power) {
                state.row.spark_is_news = true;
            }
        }
        state.backlog = state.backlog.saturating_sub(samples.len() as u64);
        state.row.is_news = true;
    }

    /// Whether the device has said this before, and it is stored.
    pub fn has_said(&self, facts: &Facts) -> bool {
        self.state.locked().facts.as_ref().is_some_and(|(known, _)| known == facts)
    }

    /// What the device says of itself is stored.
    pub fn said(&self, facts: Facts, now: Timestamp) {
        self.state.locked().facts = Some((facts, now));
    }

    /// The device has said how many samples it still has to send.
    pub fn owes(&self, backlog: u64) {
        let mut state = self.state.locked();
        state.backlog = backlog;
        state.row.is_news = true;
    }

    /// Late samples are in the history now.
    pub fn backfilled(&self, from: i64, to: i64) {
        let mut state = self.state.locked();
        state.late.note(clock::now().millis(), from, to);
        for subscriber in &state.subscribers {
            subscriber.backfill((self.key, &self.id), from, to);
        }
    }

    /// Spans of late samples that have come after `since`, all in ms since 1970.
    pub fn late_since(&self, since: i64) -> Vec<(i64, i64)> {
        self.state.locked().late.since(since)
    }
}
