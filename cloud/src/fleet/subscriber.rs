//! One dashboard's place to pick up what is new. It holds the latest of each kind, however slow the reader is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use ems_protocol::DeviceId;

use super::frame::Frame;
use super::watcher::Watcher;
use crate::bell::Bell;
use crate::socket::Utf8Bytes;
use crate::sync::Locked;

/// Events that wait for a slow reader; one more and the subscriber is closed rather than deceived.
const MAX_EVENTS: usize = 64;

/// A dashboard's subscription to one device.
pub struct Subscriber {
    /// Whether it gets `{type, payload}` or bare telemetry only.
    pub typed: bool,
    slot: Mutex<Slot>,
    wake: Bell,
}

/// What waits for the subscriber.
#[derive(Default)]
pub struct Slot {
    /// The latest sample.
    pub telemetry: Option<Arc<Frame>>,
    /// Samples that were replaced by later ones before they were picked up.
    pub skipped: u64,
    /// Late samples arrived between these times, ms since 1970.
    pub backfill: Option<(i64, i64)>,
    /// The latest `device.status`.
    pub status: Option<Utf8Bytes>,
    /// Events in order.
    pub events: VecDeque<Utf8Bytes>,
    /// Events were lost: the subscriber must be closed.
    pub overflowed: bool,
    /// The device is no longer registered.
    pub removed: bool,
}

impl Subscriber {
    /// A place with nothing in it.
    pub fn new(typed: bool) -> Self {
        Self { typed, slot: Mutex::default(), wake: Bell::default() }
    }

    /// Returns when there may be something in the slot.
    pub async fn woken(&self) {
        self.wake.rung().await;
    }

    /// Takes all that waits.
    pub fn take(&self) -> Slot {
        std::mem::take(&mut *self.slot.locked())
    }
}

impl Watcher for Subscriber {
    fn telemetry(&self, _: i64, frame: &Arc<Frame>) {
        let mut slot = self.slot.locked();
        if slot.telemetry.replace(frame.clone()).is_some() {
            slot.skipped += 1;
        }
        drop(slot);
        self.wake.ring();
    }

    fn backfill(&self, _: (i64, &DeviceId), from: i64, to: i64) {
        if self.typed {
            let mut slot = self.slot.locked();
            slot.backfill = Some(slot.backfill.map_or((from, to), |(f, t)| (f.min(from), t.max(to))));
            drop(slot);
            self.wake.ring();
        }
    }

    fn status(&self, _: i64, message: &Utf8Bytes) {
        if self.typed {
            self.slot.locked().status = Some(message.clone());
            self.wake.ring();
        }
    }

    fn event(&self, message: &Utf8Bytes) {
        if self.typed {
            let mut slot = self.slot.locked();
            if slot.events.len() < MAX_EVENTS {
                slot.events.push_back(message.clone());
            } else {
                slot.overflowed = true;
            }
            drop(slot);
            self.wake.ring();
        }
    }

    fn removed(&self, _: i64, _: &Utf8Bytes) {
        self.slot.locked().removed = true;
        self.wake.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_finds_the_latest_sample_and_how_many_it_missed() {
        let subscriber = Subscriber::new(true);
        for n in 0..10 {
            subscriber.telemetry(1, &Arc::new(Frame::new(format!("{{\"n\":{n}}}").into())));
        }
        let slot = subscriber.take();
        assert_eq!((slot.telemetry.unwrap().bare().as_str(), slot.skipped), (r#"{"n":9}"#, 9));
        assert!(subscriber.take().telemetry.is_none());
    }

    #[test]
    fn lost_events_are_never_silent() {
        let subscriber = Subscriber::new(true);
        for _ in 0..=MAX_EVENTS {
            subscriber.event(&Utf8Bytes::from_static("{}"));
        }
        let slot = subscriber.take();
        assert!(slot.overflowed && slot.events.len() == MAX_EVENTS);
    }
}
