//! The backlog in numbers, for people.

use super::Backlog;
use crate::status::{BacklogState, CardState, Dropped, Oldest};

impl Backlog {
    /// What waits and what was lost.
    pub fn state(&self) -> BacklogState {
        let memory = self.ring.len() as u64;
        let room = match self.keeper {
            Some(_) => self.room_on_card(),
            None => (self.ring.capacity() as u64).saturating_sub(memory),
        };
        let dropped = Dropped {
            memory_full: self.dropped_memory,
            card_full: self.stats.dropped.by_bytes,
            too_old: self.stats.dropped.by_hours,
            refused: self.refused,
        };
        let card = self
            .keeper
            .as_ref()
            .map(|_| CardState { samples: self.stats.samples, trouble: self.stats.trouble.clone() });
        BacklogState { memory, room, oldest: self.oldest(), unconfirmed: self.unconfirmed, dropped, card }
    }

    fn oldest(&self) -> Option<Oldest> {
        match &self.stats.oldest {
            Some((boot_id, sample)) if *boot_id == self.boot_id => Some(Oldest::ThisBoot(sample.taken)),
            Some(_) => self.oldest_label.map(Oldest::Earlier),
            None => self.ring.oldest().map(|sample| Oldest::ThisBoot(sample.taken)),
        }
    }

    /// Samples that still find room on the card: as many bytes as those that are there have taken, 25 each before
    /// there are enough to tell.
    fn room_on_card(&self) -> u64 {
        let each =
            if self.stats.samples >= 600 { (self.stats.bytes / self.stats.samples).max(8) } else { 25 };
        let by_bytes = self.limits.max_bytes.saturating_sub(self.stats.bytes) / each;
        let by_hours =
            (self.limits.max_hours * 3_600_000).saturating_sub(self.stats.span_ms) / self.interval_ms;
        by_bytes.min(by_hours)
    }
}
