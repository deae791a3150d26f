//! A block that was given out, and what is confirmed of it.

use ems_protocol::SeqRanges;

use super::entry;
use crate::sample::Sample;

/// A block of which something may be confirmed.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) boot_id: String,
    /// The numbers in it, as (first, last).
    runs: Vec<(u64, u64)>,
    pub(super) confirmed: SeqRanges,
    pub(super) waiting: u64,
    pub(super) span_ms: u64,
}

impl Given {
    pub(super) fn new(boot_id: &str, samples: &[Sample]) -> Self {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for seq in samples.iter().map(|s| s.seq) {
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(seq) => *last = seq,
                _ => runs.push((seq, seq)),
            }
        }
        Self {
            boot_id: boot_id.to_owned(),
            runs,
            confirmed: SeqRanges::new(),
            waiting: samples.len() as u64,
            span_ms: entry::span_ms(samples),
        }
    }

    /// Returns how many of its samples are confirmed by this.
    pub(super) fn confirm(&mut self, numbers: &SeqRanges) -> u64 {
        let mut confirmed = 0;
        for &(first, last) in &self.runs {
            for (from, to) in numbers.iter() {
                for seq in from.max(first)..=to.min(last) {
                    confirmed += u64::from(self.confirmed.insert(seq));
                }
            }
        }
        self.waiting = self.waiting.saturating_sub(confirmed);
        confirmed
    }
}
