//! Samples that the server has not confirmed yet, in the order of their numbers.

use std::collections::VecDeque;

use ems_protocol::SeqRanges;

use crate::sample::Sample;

/// A bounded ring of unconfirmed samples; at the bound the oldest goes and is counted.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: VecDeque<Entry>,
    capacity: usize,
    /// Samples numbered below this were there before the connection: they are its backlog.
    live_from: u64,
    overflowed: u64,
}

#[derive(Debug)]
struct Entry {
    sample: Sample,
    sent: bool,
}

/// What to send next.
#[derive(Debug, PartialEq)]
pub(super) enum Pick {
    /// One sample that was taken during this connection.
    Live(Sample),
    /// Older ones, oldest first.
    Backlog(Vec<Sample>),
}

impl Outbox {
    /// An empty ring for `capacity` samples (about 130 bytes each).
    pub(super) fn new(capacity: usize) -> Self {
        Self { waiting: VecDeque::new(), capacity: capacity.max(1), live_from: 0, overflowed: 0 }
    }

    /// Puts a sample at the end.
    pub(super) fn push(&mut self, sample: Sample) {
        if self.waiting.len() >= self.capacity {
            self.waiting.pop_front();
            self.overflowed += 1;
        }
        self.waiting.push_back(Entry { sample, sent: false });
    }

    /// A connection begins: nothing of what waits has been sent over it.
    pub(super) fn begin_session(&mut self) {
        for entry in &mut self.waiting {
            entry.sent = false;
        }
        self.live_from = self.waiting.back().map_or(0, |e| e.sample.seq + 1);
    }

    /// What to send next, live samples first; it counts as sent from now on.
    ///
    /// A backlog holds at most `batch` samples; with `batch` 0 only live samples are given.
    pub(super) fn pick(&mut self, batch: usize) -> Option<Pick> {
        // Live samples stand at the end, sent ones before unsent ones: look from the end.
        let unsent_live =
            self.waiting.iter().rev().take_while(|e| !e.sent && e.sample.seq >= self.live_from).count();
        if unsent_live > 0 {
            let at = self.waiting.len() - unsent_live;
            let entry = self.waiting.get_mut(at)?;
            entry.sent = true;
            return Some(Pick::Live(entry.sample));
        }
        let samples: Vec<Sample> = self
            .waiting
            .iter_mut()
            .filter(|e| !e.sent)
            .take(batch)
            .map(|e| {
                e.sent = true;
                e.sample
            })
            .collect();
        if samples.is_empty() { None } else { Some(Pick::Backlog(samples)) }
    }

    /// The server has made these durable, or refuses them for good: they are forgotten. Returns how many.
    pub(super) fn confirm(&mut self, numbers: &SeqRanges) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|e| !numbers.contains(e.sample.seq));
        before - self.waiting.len()
    }

    /// The samples up to number `last` are kept elsewhere: they are forgotten here.
    pub(super) fn confirm_up_to(&mut self, last: u64) {
        self.waiting.retain(|e| e.sample.seq > last);
    }

    /// The newest that waits.
    pub(super) fn newest(&self) -> Option<&Sample> {
        self.waiting.back().map(|e| &e.sample)
    }

    /// All that wait, oldest first.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.waiting.iter().map(|e| &e.sample)
    }

    /// How many samples wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many may wait.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The oldest that waits.
    pub(super) fn oldest(&self) -> Option<&Sample> {
        self.waiting.front().map(|e| &e.sample)
    }

    /// How many samples went at the bound since the last call.
    pub(super) fn take_overflowed(&mut self) -> u64 {
        std::mem::take(&mut self.overflowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::BootTime;
    use crate::sample::Outcome;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn sample(seq: u64) -> Sample {
        Sample { seq, taken: BootTime(seq * 1000), outcome: Outcome::Gap("SENSOR_LOST") }
    }

    fn numbers(pick: Option<Pick>) -> Vec<u64> {
        match pick {
            Some(Pick::Live(s)) => vec![s.seq],
            Some(Pick::Backlog(list)) => list.iter().map(|s| s.seq).collect(),
            None => vec![],
        }
    }

    #[test]
    fn live_samples_go_before_the_backlog_and_the_backlog_oldest_first() {
        let mut outbox = Outbox::new(10);
        (0..5).for_each(|seq| outbox.push(sample(seq)));
        outbox.begin_session();
        outbox.push(sample(5));
        assert_eq!(outbox.pick(3), Some(Pick::Live(sample(5))));
        assert_eq!(numbers(outbox.pick(3)), [0, 1, 2]);
        outbox.push(sample(6));
        assert_eq!(outbox.pick(3), Some(Pick::Live(sample(6))));
        assert_eq!(numbers(outbox.pick(0)), [0u64; 0]);
        assert_eq!(numbers(outbox.pick(3)), [3, 4]);
        assert_eq!(outbox.pick(3), None);
    }

    #[test]
    fn a_sample_is_kept_until_it_is_confirmed_and_sent_again_in_the_next_session() {
        let mut outbox = Outbox::new(10);
        (0..3).for_each(|seq| outbox.push(sample(seq)));
        outbox.begin_session();
        assert_eq!(numbers(outbox.pick(9)), [0, 1, 2]);
        assert_eq!(outbox.confirm(&[1].into_iter().collect()), 1);
        outbox.begin_session();
        assert_eq!(numbers(outbox.pick(9)), [0, 2]);
        outbox.confirm_up_to(2);
        assert!(outbox.is_empty());
    }

    #[test]
    fn at_the_bound_the_oldest_goes_and_is_counted() {
        let mut outbox = Outbox::new(2);
        (0..5).for_each(|seq| outbox.push(sample(seq)));
        assert_eq!((outbox.oldest().unwrap().seq, outbox.len()), (3, 2));
        assert_eq!((outbox.take_overflowed(), outbox.take_overflowed()), (3, 0));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push,
        Pick(usize),
        Confirm(u64),
        Session,
    }

    proptest! {
        #[test]
        fn whatever_happens_exactly_the_unconfirmed_samples_wait(steps in prop::collection::vec(prop_oneof![
            Just(Step::Push), (0usize..4).prop_map(Step::Pick), (0u64..40).prop_map(Step::Confirm), Just(Step::Session),
        ], 0..80)) {
            let mut outbox = Outbox::new(1000);
            let mut model = BTreeSet::new();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Push => { outbox.push(sample(next)); model.insert(next); next += 1; }
                    Step::Pick(n) => { let picked = numbers(outbox.pick(n)); prop_assert!(picked.iter().all(|s| model.contains(s))); }
                    Step::Confirm(seq) => { outbox.confirm(&[seq].into_iter().collect()); model.remove(&seq); }
                    Step::Session => outbox.begin_session(),
                }
            }
            outbox.begin_session();
            prop_assert_eq!(numbers(outbox.pick(usize::MAX)), model.into_iter().collect::<Vec<_>>());
        }
    }
}
