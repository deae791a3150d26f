//! The store on the card: the backlog that outlives a power cut, the boots, the events, named values.
//!
//! An SQLite database of sealed records. It is opened whatever state it is in: a damaged one is healed
//! (`salvage.rs`), one that cannot be used is tried again with each write, and both are said in words.
//! Everything here blocks; the daemon gives it a thread of its own. docs/decisions/0006-device-store.md has the why.

mod backlog;
mod boot_clock;
mod boots;
mod chunk;
mod database;
mod entry;
mod events;
mod failure;
mod given;
mod limits;
mod meta;
mod opening;
mod salvage;
mod stats;
#[cfg(test)]
mod tests;
mod wal;

use ems_protocol::SeqRanges;
use rusqlite::Connection;

use super::folder::Folder;
use super::notice::Notice;
use crate::sample::Sample;
use backlog::Backlog;
pub use boot_clock::BootClock;
use boots::Boots;
pub use chunk::{Chunk, Cursor};
use database::Paths;
use events::Events;
pub use failure::CardError;
pub use limits::{Dropped, Limits};
pub use stats::Stats;

/// The store of one device.
#[derive(Debug)]
pub struct Card {
    /// Held as soon as the file system lets us.
    folder: Folder,
    paths: Paths,
    limits: Limits,
    /// `None` while it cannot be used.
    open: Option<Open>,
    /// Why the last write failed, until one succeeds.
    trouble: Option<CardError>,
    openings: u64,
    dropped: Dropped,
    notices: Vec<Notice>,
}

/// A database in use.
#[derive(Debug)]
struct Open {
    connection: Connection,
    boots: Boots,
    backlog: Backlog,
    events: Events,
}

impl Card {
    /// Opens the store in `folder`, which belongs to this process alone: it is held from now on, or as soon as that is
    /// possible.
    ///
    /// Never fails for good: what is damaged is healed, and where the folder cannot be used each write tries again.
    /// The notices say what happened; [`Card::take_notices`] has those of later operations.
    pub fn open(folder: impl Into<Folder>, limits: Limits) -> (Self, Vec<Notice>) {
        let folder = folder.into();
        let mut card = Self {
            paths: Paths::new(folder.path()),
            folder,
            limits,
            open: None,
            trouble: None,
            openings: 0,
            dropped: Dropped::default(),
            notices: Vec::new(),
        };
        if let Err(error) = card.ready() {
            card.note_trouble(error);
        }
        let notices = card.take_notices();
        (card, notices)
    }

    /// Holds no more than this from the next write on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What happened since the last call, to be logged and recorded.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Stores samples of one boot with one durable write. Those already stored are left out. At a limit the oldest
    /// of the backlog go; how many is returned.
    ///
    /// # Errors
    /// Nothing of it is stored, and the samples have to be kept and pushed again.
    pub fn push(&mut self, boot_id: &str, samples: &[Sample]) -> Result<Dropped, CardError> {
        let limits = self.limits;
        let dropped = self.write(|open| {
            let Open { connection, boots, backlog, .. } = open;
            backlog.push(connection, boots, (boot_id, samples), limits)
        })?;
        self.dropped.by_bytes += dropped.by_bytes;
        self.dropped.by_hours += dropped.by_hours;
        Ok(dropped)
    }

    /// The oldest unconfirmed samples from `after` on: at most `max_samples`, all of one boot; `None` at the end.
    ///
    /// Memory is held for the samples given out and not confirmed yet, about 100 bytes a block of them.
    pub fn oldest(&mut self, after: Cursor, max_samples: usize) -> Result<Option<Chunk>, CardError> {
        self.read(|open, opening| {
            let after =
                if after.opening == opening { after } else { Cursor { opening, ..Cursor::default() } };
            open.backlog.oldest(&open.connection, after, max_samples)
        })
    }

    /// Forgets samples that [`Card::oldest`] has given: they are confirmed, or refused for good. Returns how many.
    ///
    /// Numbers that were not given, or are forgotten already, are passed over. Not durable at once: after a power cut
    /// the last of them come again.
    pub fn remove(&mut self, boot_id: &str, numbers: &SeqRanges) -> Result<u64, CardError> {
        self.read(|open, _| {
            let forgotten = open.backlog.remove(&mut open.connection, boot_id, numbers)?;
            if open.backlog.samples == 0 {
                open.boots.forget_numbers();
            }
            Ok(forgotten)
        })
    }

    /// Stores events with one durable write. A text beyond 1 KiB is cut; beyond 64 KiB in all the oldest go.
    pub fn record_events(&mut self, texts: &[&str]) -> Result<(), CardError> {
        self.write(|open| open.events.record(&mut open.connection, texts))
    }

    /// All events, oldest first.
    pub fn events(&mut self) -> Result<Vec<String>, CardError> {
        self.read(|open, _| events::all(&open.connection))
    }

    /// What is known of a boot's clock. It is written down together with samples of that boot, and whenever it
    /// changes by a second or in quality while such samples are stored.
    pub fn set_boot_clock(&mut self, boot_id: &str, clock: BootClock) -> Result<(), CardError> {
        self.write(|open| open.boots.set_clock(&open.connection, boot_id, clock))
    }

    /// What was known of a boot's clock.
    pub fn boot_clock(&self, boot_id: &str) -> Option<BootClock> {
        self.open.as_ref()?.boots.clock(boot_id)
    }

    /// A named value.
    pub fn meta(&mut self, key: &str) -> Result<Option<Vec<u8>>, CardError> {
        self.read(|open, _| meta::get(&open.connection, key))
    }

    /// The bytes of a named value that is damaged, so that [`Self::meta`] does not have it.
    pub fn broken_meta(&mut self, key: &str) -> Result<Option<Vec<u8>>, CardError> {
        self.read(|open, _| meta::broken(&open.connection, key))
    }

    /// Stores a named value with one durable write, or none if it is the same.
    ///
    /// # Errors
    /// Also if name and value are longer than 3.7 kB.
    pub fn set_meta(&mut self, key: &str, value: &[u8]) -> Result<(), CardError> {
        self.write(|open| meta::set(&open.connection, key, value))
    }

    /// Writes down what was confirmed lately, so that it is not sent again. Without it nothing is lost.
    pub fn close(mut self) -> Result<(), CardError> {
        self.read(|open, _| open.backlog.settle(&mut open.connection))
    }

    /// An operation that needs the card to work: an unusable one is tried again first, a damaged one is healed.
    fn write<T>(&mut self, mut work: impl FnMut(&mut Open) -> Result<T, CardError>) -> Result<T, CardError> {
        let result = self.ready().and_then(&mut work);
        let result = match result {
            Err(CardError::Damaged(why)) => self.heal_and(&why, work),
            other => other,
        };
        match &result {
            Ok(_) => {
                if self.trouble.take().is_some() {
                    self.notices.push(Notice::CardWorks { path: self.paths.database() });
                }
            }
            Err(CardError::TooLong(_)) => {}
            Err(error) => self.note_trouble(error.clone()),
        }
        result
    }

    /// An operation that can wait until the card works.
    fn read<T>(
        &mut self,
        mut work: impl FnMut(&mut Open, u64) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        let opening = self.openings;
        let result = match (&mut self.open, &self.trouble) {
            (Some(open), _) => work(open, opening),
            (None, Some(trouble)) => return Err(trouble.clone()),
            (None, None) => return Err(CardError::Unusable("it is not open".to_owned())),
        };
        let result = match result {
            Err(CardError::Damaged(why)) => self.heal_and(&why, |open| work(open, opening + 1)),
            other => other,
        };
        if let Err(error) = &result {
            self.note_trouble(error.clone());
        }
        result
    }

    /// A failure is said once, not with each write. All but a full disk end the use of the connection.
    fn note_trouble(&mut self, error: CardError) {
        if error != CardError::Full {
            self.open = None;
        }
        if self.trouble.as_ref() != Some(&error) {
            self.notices.push(Notice::CardUnusable { path: self.paths.database(), why: error.to_string() });
            self.trouble = Some(error);
        }
    }
}
