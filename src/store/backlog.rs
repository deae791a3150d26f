//! Every sample that the server has not confirmed, wherever it is kept.
//!
//! A new sample is written to the spool (the runtime directory, RAM) and waits in the ring (this process). When it
//! has waited for the flush interval, whatever the link believes, everything in the ring goes to the card with one durable
//! write and leaves the ring. So a crash loses none, a power cut at most one interval, and while the
//! server confirms in time the card is not written at all.

mod opening;
mod settings;
mod state;

use std::time::Duration;

use ems_protocol::{SeqRanges, Timestamp};

use super::card::{BootClock, Limits, Stats};
use super::drain::{Batch, Drain, Place};
use super::keeper::{Keeper, Reply, Request};
use super::notice::Notice;
use super::outbox::{self, Outbox};
use super::sequence::Numbers;
use super::spool::Spool;
use crate::clock::BootTime;
use crate::sample::Sample;
use opening::LAST_GOOD;
pub use opening::Opened;
use settings::millis;
pub use settings::{Keeping, Settings};

/// What to send next.
#[derive(Debug, PartialEq)]
pub enum Pick {
    /// One sample that was taken during this connection.
    Live(Sample),
    /// Older ones.
    Backlog(Batch),
}

/// The unconfirmed samples of one device.
#[derive(Debug)]
pub struct Backlog {
    boot_id: String,
    ring: Outbox,
    spool: Spool,
    numbers: Numbers,
    keeper: Option<Keeper>,
    flush_interval: Duration,
    /// The last number of the samples that the card is storing now.
    keeping: Option<u64>,
    /// After a failed write: not before then.
    keep_not_before: BootTime,
    drain: Drain,
    stats: Stats,
    /// The label of the oldest sample on the card, if it is of an earlier boot.
    oldest_label: Option<Timestamp>,
    limits: Limits,
    interval_ms: u64,
    dropped_memory: u64,
    refused: u64,
    /// When the first sample was taken after the last confirmation of any: so long nothing that waits was confirmed.
    unconfirmed: Option<BootTime>,
}

/// How long a card that failed is left alone.
const KEEP_RETRY_MS: u64 = 30_000;

impl Backlog {
    /// Keeps it that way from now on; what is there already is cut with the next write.
    pub fn keep_as(&mut self, keeping: &Keeping) {
        self.flush_interval = keeping.flush_interval;
        self.interval_ms = millis(keeping.interval);
        if self.limits != keeping.limits && self.ask(Request::Limit(keeping.limits)) {
            self.limits = keeping.limits;
        }
    }

    /// A new sample.
    #[must_use = "the notice has to be said"]
    pub fn push(&mut self, sample: Sample) -> Option<Notice> {
        self.unconfirmed.get_or_insert(sample.taken);
        let notice = self.spool.append(&sample);
        self.numbers.note(sample.seq + 1);
        self.ring.push(sample);
        self.dropped_memory += self.ring.take_overflowed();
        notice
    }

    /// Brings what waits to the card before any of it has waited longer than the flush interval; `clock` is what this
    /// boot's clock is worth now. To be called with each sample at least.
    pub fn tick(&mut self, now: BootTime, clock: BootClock) {
        let Some(oldest) = self.ring.oldest() else { return };
        // As old as it will be at the next sample.
        let waited = Duration::from_millis(now.0.saturating_sub(oldest.taken.0) + self.interval_ms);
        if waited >= self.flush_interval && now >= self.keep_not_before {
            self.keep(clock);
        }
    }

    /// Brings everything in memory to the card now.
    pub fn keep(&mut self, clock: BootClock) {
        let Some(last) = self.ring.newest().map(|s| s.seq) else { return };
        if self.keeping.is_some() {
            return;
        }
        let samples = self.ring.samples().copied().collect();
        if self.ask(Request::Keep { boot_id: self.boot_id.clone(), clock, samples }) {
            self.keeping = Some(last);
        }
    }

    /// A connection begins: nothing of what waits has been sent over it.
    pub fn begin_session(&mut self) {
        self.ring.begin_session();
        self.drain.begin();
    }

    /// What to send next: live samples first, then the oldest of the rest, at most `max` and one batch at a time.
    /// With `max` 0 only live samples are given. What is on the card may come with a later call, after [`Self::changed`].
    pub fn pick(&mut self, max: usize) -> Option<Pick> {
        if let Some(outbox::Pick::Live(sample)) = self.ring.pick(0) {
            return Some(Pick::Live(sample));
        }
        if max == 0 || self.drain.is_waiting() {
            return None;
        }
        if let Some(batch) = self.drain.take_next() {
            self.drain.sent(&batch, Place::Card);
            self.fetch(max);
            return Some(Pick::Backlog(batch));
        }
        if self.keeper.is_some() && !self.drain.is_at_end() {
            self.fetch(max);
            return None;
        }
        match self.ring.pick(max)? {
            outbox::Pick::Live(sample) => Some(Pick::Live(sample)),
            outbox::Pick::Backlog(samples) => {
                let batch = Batch { boot_id: self.boot_id.clone(), clock: None, samples };
                self.drain.sent(&batch, Place::Memory);
                Some(Pick::Backlog(batch))
            }
        }
    }

    /// The server has made these durable, or refuses them for good: they are forgotten.
    pub fn confirm(&mut self, boot_id: &str, numbers: &SeqRanges) {
        let waited = self.ring.len();
        if boot_id == self.boot_id {
            self.ring.confirm(numbers);
        }
        let numbers = self.drain.confirm(boot_id, numbers);
        if self.ring.len() < waited || !numbers.is_empty() {
            self.unconfirmed = None;
        }
        if !numbers.is_empty() {
            // Lost when the thread is too busy: sent again over the next connection.
            self.ask(Request::Forget { boot_id: boot_id.to_owned(), numbers });
        }
        self.shrink_spool();
    }

    /// A sample that the server refuses for good.
    pub fn refuse(&mut self, boot_id: &str, seq: u64) {
        self.refused += 1;
        self.confirm(boot_id, &SeqRanges::from_iter([seq]));
    }

    /// The batch on its way, for a server that confirms by position: all of it is confirmed.
    pub fn confirm_in_flight(&mut self) {
        if let Some((boot_id, numbers)) = self.drain.in_flight() {
            self.confirm(&boot_id, &numbers);
        }
    }

    /// Remembers that the wall clock, in ms since 1970, is right now.
    pub fn remember_time(&mut self, millis: i64) {
        self.ask(Request::Remember(LAST_GOOD, millis.to_be_bytes().to_vec()));
    }

    /// Waits until the card has answered; gives what happened to it. Cancel-safe.
    pub async fn changed(&mut self, now: BootTime) -> Vec<Notice> {
        let Some(keeper) = &mut self.keeper else { return std::future::pending().await };
        match keeper.reply().await {
            Reply::Kept { last, outcome } => self.kept(last, outcome.is_ok(), now),
            Reply::Given { epoch, chunk } => self.drain.given(epoch, chunk, &self.boot_id),
            Reply::Stats(stats, oldest_clock) => {
                let label = |(_, sample): &(String, Sample)| Some(oldest_clock?.label(sample.taken).0);
                self.oldest_label = stats.oldest.as_ref().and_then(label);
                self.stats = stats;
            }
            Reply::Notices(notices) => return notices,
            Reply::Closed => {}
        }
        Vec::new()
    }

    /// Brings what is in memory to the card and closes it. The caller sets the time limit.
    pub async fn close(&mut self, clock: BootClock) {
        if self.keeper.is_none() {
            return;
        }
        while self.keeping.is_some() {
            self.changed(BootTime(0)).await;
        }
        self.keep(clock);
        while self.keeping.is_some() {
            self.changed(BootTime(0)).await;
        }
        // What is on the card must not come twice; a spool that cannot be written has said so.
        let _ = self.spool.rewrite(self.ring.samples().map(|sample| (self.boot_id.as_str(), sample)));
        let Some(keeper) = &mut self.keeper else { return };
        if keeper.ask(Request::Close) {
            while !matches!(keeper.reply().await, Reply::Closed) {}
        }
    }

    /// One more than the last number of this boot that waits in memory.
    pub fn next_number(&self) -> Option<u64> {
        self.ring.newest().map(|sample| sample.seq + 1)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.stats.samples == 0
    }

    fn kept(&mut self, last: u64, stored: bool, now: BootTime) {
        self.keeping = None;
        if stored {
            self.ring.confirm_up_to(last);
            self.drain.more();
            self.shrink_spool();
        } else {
            self.keep_not_before = BootTime(now.0 + KEEP_RETRY_MS);
        }
    }

    fn fetch(&mut self, max: usize) {
        if let Some((epoch, after)) = self.drain.wish() {
            self.drain.asked(self.ask(Request::Give { epoch, after, max }));
        }
    }

    fn shrink_spool(&mut self) {
        if self.spool.wants_rewrite(self.ring.len()) {
            let boot_id = self.boot_id.as_str();
            // A spool that cannot be written has said so when it could not be appended to.
            let _ = self.spool.rewrite(self.ring.samples().map(|sample| (boot_id, sample)));
        }
    }

    fn ask(&self, request: Request) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| keeper.ask(request))
    }
}
