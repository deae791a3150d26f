//! How the backlog is opened: with what an earlier process has left.

use std::path::Path;

use super::Backlog;
use super::settings::{Settings, millis};
use crate::clock::BootTime;
use crate::health::Work;
use crate::store::card::{BootClock, Card, CardError, Stats};
use crate::store::drain::Drain;
use crate::store::folder::Folder;
use crate::store::keeper::{Keeper, Pen};
use crate::store::notice::Notice;
use crate::store::outbox::Outbox;
use crate::store::sequence::Numbers;
use crate::store::spool::{Run, Spool};

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
    /// The card was damaged, and had nothing of that any more.
    pub has_lost_anchor: bool,
    /// Writes events and named values down.
    pub pen: Option<Pen>,
    /// Shows whether the thread that owns the card gets its work done.
    pub work: Work,
}

/// The name under which the last good wall time is remembered.
pub(super) const LAST_GOOD: &str = "last-good-time";

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
            let anchor = card.meta(crate::anchor::NAME).ok().flatten();
            // It is for whoever takes it up to tell that it is damaged.
            let anchor = anchor.or_else(|| card.broken_meta(crate::anchor::NAME).ok().flatten());
            let is_healed = notices.iter().any(|notice| matches!(notice, Notice::CardHealed { .. }));
            opened.has_lost_anchor = is_healed && anchor.is_none();
            opened.anchor = anchor;
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
