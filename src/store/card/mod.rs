//! The store on the card: the backlog that outlives a power cut, the boots, the events, named values.
//!
//! An SQLite database of sealed records. It is opened whatever state it is in: a damaged one is healed
//! (`salvage.rs`), one that cannot be used is tried again with each write, and both are said in words.
//! Everything here blocks; the daemon gives it a thread of its own. docs/decisions/0006-device-store.md has the why.

mod backlog;
mod boots;
mod database;
mod entry;
mod events;
mod failure;
mod meta;
mod salvage;
#[cfg(test)]
mod tests;
mod wal;

use ems_protocol::{ClockQuality, SeqRanges, Timestamp};
use rusqlite::Connection;

use super::folder::Folder;
use super::notice::Notice;
use crate::clock::{BootTime, Clock};
use crate::sample::Sample;
use backlog::Backlog;
use boots::Boots;
use database::Paths;
use events::Events;
pub use failure::CardError;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What the database may take on the card, in bytes. Its log comes on top: half a MiB.
    pub max_bytes: u64,
    /// How much time the samples may cover, in hours of sampling: the clock on the wall has no say.
    pub max_hours: u64,
}

/// What the wall clock of a boot was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootClock {
    /// Wall time minus boot time, in ms.
    pub offset_ms: i64,
    /// How it is known.
    pub quality: ClockQuality,
}

impl BootClock {
    /// What the clock of the present boot is worth now.
    pub fn of(clock: &Clock) -> Self {
        let (boot, quality) = clock.label(BootTime(0));
        Self { offset_ms: boot.millis(), quality }
    }

    /// The wall-clock label of a moment of that boot.
    pub fn label(self, at: BootTime) -> (Timestamp, ClockQuality) {
        let at = i64::try_from(at.0).unwrap_or(i64::MAX);
        (Timestamp::from_millis(self.offset_ms.saturating_add(at)), self.quality)
    }
}

/// A place in the backlog. The default is its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which opening of the database it belongs to: a place in another one is the beginning.
    opening: u64,
    block: i64,
    sample: usize,
}

/// Some samples of the backlog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// The boot that all of them belong to.
    pub boot_id: String,
    /// Oldest first.
    pub samples: Vec<Sample>,
    /// Where to go on.
    pub next: Cursor,
}

/// Samples that went to make room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Because of [`Limits::max_bytes`].
    pub by_bytes: u64,
    /// Because of [`Limits::max_hours`].
    pub by_hours: u64,
}

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

    /// The store in numbers.
    pub fn stats(&mut self) -> Stats {
        let oldest = self.oldest(Cursor::default(), 1).ok().flatten();
        let trouble = self.trouble.as_ref().map(ToString::to_string);
        let mut stats = Stats { dropped: self.dropped, trouble, ..Stats::default() };
        stats.oldest = oldest.and_then(|chunk| Some((chunk.boot_id, *chunk.samples.first()?)));
        if let Some(open) = &self.open {
            stats.samples = open.backlog.samples;
            stats.span_ms = open.backlog.span_ms;
            stats.bytes = backlog::used_bytes(&open.connection).unwrap_or(0);
            stats.events = open.events.len();
        }
        stats
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

    fn heal_and<T>(
        &mut self,
        why: &str,
        mut work: impl FnMut(&mut Open) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        self.open = None;
        self.heal(why)?;
        work(self.ready()?)
    }

    /// The open database; opens and heals it if need be.
    fn ready(&mut self) -> Result<&mut Open, CardError> {
        if self.open.is_none() {
            let opened = match self.try_open() {
                Err(CardError::Damaged(why)) => {
                    self.heal(&why)?;
                    self.try_open()
                }
                other => other,
            }?;
            self.open = Some(opened);
            self.openings += 1;
        }
        self.open.as_mut().ok_or_else(|| CardError::Unusable("it is not open".to_owned()))
    }

    fn try_open(&mut self) -> Result<Open, CardError> {
        self.folder.hold().map_err(|error| CardError::Unusable(error.to_string()))?;
        salvage::exchange(&self.paths)?;
        // Before SQLite writes over it.
        let log = wal::read(&self.paths.log())?;
        let mut connection = database::open(&self.paths, &log)?;
        let mut boots = Boots::load(&connection)?;
        let (mut backlog, damaged) = Backlog::load(&connection, &mut boots)?;
        if damaged > 0 {
            self.notices.push(Notice::BlockDamaged { blocks: damaged });
        }
        let events = Events::load(&connection)?;
        if let Some(blocks) = salvage::torn_blocks(&log) {
            let before = backlog.samples;
            for block in blocks.into_iter().filter_map(entry::block) {
                let samples = (block.boot_id, block.samples.as_slice());
                // What makes room here is counted with the next write.
                backlog.push(&mut connection, &mut boots, samples, Limits::NONE)?;
            }
            self.notices.push(Notice::CardTorn { samples: backlog.samples - before });
        }
        Ok(Open { connection, boots, backlog, events })
    }

    fn heal(&mut self, why: &str) -> Result<(), CardError> {
        let healed = salvage::heal(&self.paths)?;
        self.notices.push(Notice::CardHealed {
            why: why.to_owned(),
            aside: healed.aside,
            samples: healed.samples,
            events: healed.events,
        });
        Ok(())
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

impl Limits {
    const NONE: Self = Self { max_bytes: u64::MAX, max_hours: u64::MAX };

    fn max_span_ms(self) -> u64 {
        self.max_hours.saturating_mul(3_600_000)
    }
}

impl Dropped {
    /// Samples that went, for whichever reason.
    pub fn samples(self) -> u64 {
        self.by_bytes + self.by_hours
    }
}
