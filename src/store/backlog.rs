//! Every sample that the server has not confirmed, wherever it is kept.
//!
//! A new sample is written to the spool (the runtime directory, RAM) and waits in the ring (this process). When it
//! has waited for the flush interval, whatever the link believes, everything in the ring goes to the card with one durable
//! write and leaves the ring. So a crash loses none, a power cut at most one interval, and while the
//! server confirms in time the card is not written at all.

use std::path::Path;
use std::time::Duration;

use ems_protocol::{SeqRanges, Timestamp};

use super::card::{BootClock, Card, CardError, Limits, Stats};
use super::drain::{Batch, Drain, Place};
use super::folder::Folder;
use super::keeper::{Keeper, Pen, Reply, Request};
use super::notice::Notice;
use super::outbox::{self, Outbox};
use super::sequence::Numbers;
use super::spool::{Run, Spool};
use crate::clock::BootTime;
use crate::health::Work;
use crate::sample::Sample;
use crate::status::{BacklogState, CardState, Dropped, Oldest};

/// What to send next.
#[derive(Debug, PartialEq)]
pub enum Pick {
    /// One sample that was taken during this connection.
    Live(Sample),
    /// Older ones.
    Backlog(Batch),
}

/// How the backlog is kept.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How much the card may hold.
    pub limits: Limits,
    /// How long a sample waits in memory before it goes to the card.
    pub flush_interval: Duration,
    /// How many samples the memory may hold.
    pub capacity: usize,
    /// The time between two samples.
    pub interval: Duration,
    /// What this boot's clock is worth now.
    pub clock: BootClock,
}

/// What may change while it is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keeping {
    /// As in [`Settings`].
    pub limits: Limits,
    /// As in [`Settings`].
    pub flush_interval: Duration,
    /// As in [`Settings`].
    pub interval: Duration,
}

/// What was found when the backlog was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// What has to be said.
    pub notices: Vec<Notice>,
    /// The events of earlier runs, oldest first.
    pub events: Vec<String>,
    /// The last wall time in ms since 1970 that is known to have been right.
    pub last_good: Option<i64>,
    /// What was known of the battery, as [`crate::anchor`] has written it.
    pub anchor: Option<Vec<u8>>,
    /// Writes events and named values down.
    pub pen: Option<Pen>,
    /// Shows whether the thread that owns the card gets its work done.
    pub work: Work,
}

/// The name under which the last good wall time is remembered.
const LAST_GOOD: &str = "last-good-time";

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
    /// Opens what an earlier process has left, in `state` (on the card) and in `runtime` (in RAM).
    ///
    /// The samples are those of the boot named `boot_id`, whose last number is noted in `numbers`.
    /// Never fails: what cannot be used is told in the notices and the samples wait in memory.
    pub fn open(
        state: Option<Folder>,
        runtime: Option<&Path>,
        boot_id: &str,
        numbers: Numbers,
        settings: Settings,
    ) -> (Self, Opened) {
        let (spool, left, mut notices) = Spool::open(runtime, boot_id);
        let (left, earlier): (Vec<Run>, Vec<Run>) = left.into_iter().partition(|run| run.boot_id == boot_id);
        let mut opened = Opened::default();
        let mut lost = earlier.iter().map(|run| run.samples.len() as u64).sum();
        let keeper = state.and_then(|folder| {
            let (mut card, said) = Card::open(folder, settings.limits);
            notices.extend(said);
            if keep_earlier(&mut card, &earlier, settings.clock).is_ok() {
                lost = 0;
            }
            notices.extend(card.take_notices());
            opened.events = card.events().unwrap_or_default();
            opened.last_good =
                card.meta(LAST_GOOD).ok().flatten().and_then(|v| v.try_into().ok()).map(i64::from_be_bytes);
            opened.anchor = card.meta(crate::anchor::NAME).ok().flatten();
            Keeper::start(card, opened.work.clone()).ok()
        });
        let mut backlog = Self {
            boot_id: boot_id.to_owned(),
            ring: Outbox::new(settings.capacity),
            spool,
            numbers,
            keeper,
            flush_interval: settings.flush_interval,
            keeping: None,
            keep_not_before: BootTime(0),
            drain: Drain::default(),
            stats: Stats::default(),
            oldest_label: None,
            limits: settings.limits,
            interval_ms: millis(settings.interval),
            dropped_memory: lost,
            refused: 0,
            unconfirmed: None,
        };
        left.into_iter().flat_map(|run| run.samples).for_each(|sample| backlog.ring.push(sample));
        backlog.dropped_memory += backlog.ring.take_overflowed();
        opened.pen = backlog.keeper.as_ref().map(Keeper::pen);
        opened.notices = notices;
        (backlog, opened)
    }

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

fn millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(1000).max(1)
}

/// Stores what the spool holds of this boot under earlier names, whose clock is the present one. Only then may the
/// spool be written anew without them.
fn keep_earlier(card: &mut Card, runs: &[Run], clock: BootClock) -> Result<(), CardError> {
    for run in runs {
        card.set_boot_clock(&run.boot_id, clock)?;
        card.push(&run.boot_id, &run.samples)?;
    }
    Ok(())
}
