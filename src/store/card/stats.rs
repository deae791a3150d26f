//! The store in numbers.

use super::backlog::used_bytes;
use super::{Card, Cursor, Dropped};
use crate::sample::Sample;

/// The store in numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Samples that nobody has confirmed.
    pub samples: u64,
    /// The time that they cover, in ms of sampling.
    pub span_ms: u64,
    /// What the database takes on the card, in bytes.
    pub bytes: u64,
    /// The oldest sample and its boot.
    pub oldest: Option<(String, Sample)>,
    /// Dropped since the daemon began.
    pub dropped: Dropped,
    /// Events stored.
    pub events: usize,
    /// Why the card cannot be used at the moment.
    pub trouble: Option<String>,
}

impl Card {
    /// The store in numbers.
    pub fn stats(&mut self) -> Stats {
        let oldest = self.oldest(Cursor::default(), 1).ok().flatten();
        let trouble = self.trouble.as_ref().map(ToString::to_string);
        let mut stats = Stats { dropped: self.dropped, trouble, ..Stats::default() };
        stats.oldest = oldest.and_then(|chunk| Some((chunk.boot_id, *chunk.samples.first()?)));
        if let Some(open) = &self.open {
            stats.samples = open.backlog.samples;
            stats.span_ms = open.backlog.span_ms;
            stats.bytes = used_bytes(&open.connection).unwrap_or(0);
            stats.events = open.events.len();
        }
        stats
    }
}
