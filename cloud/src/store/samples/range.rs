//! Samples by their time, from blocks and rows.

use ems_protocol::DeviceId;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};

use super::StoredSample;
use super::row::{AT, COLUMN_COUNT, COLUMNS, Cells, read};
use crate::store::history::block::{Block, Whole};
use crate::store::history::hour::{self, Kept};

/// What a row has beside its columns, and whose rows are meant.
const FROM: &str = "(SELECT boot_id FROM boots WHERE key = boot), id FROM samples WHERE device = ?1";

/// A page of history ends when its texts are larger than this, in bytes: unknown fields may fill a frame.
const PAGE_TEXT_BYTES: usize = 4 << 20;

/// Some of a device's history.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Oldest first.
    pub samples: Vec<StoredSample>,
    /// Whether there are more after the last one.
    pub truncated: bool,
}

/// A place among the samples of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// ms since 1970.
    pub at: i64,
    /// How many of exactly that time lie before it.
    skip: usize,
    /// The row before it, if it is one, and how many samples of its hour were packed then. As long as that is so, the place
    /// is found at once however many are of that time.
    row: Option<(i64, usize)>,
}

impl Cursor {
    /// Before the first sample of that time, ms since 1970.
    pub fn before(at: i64) -> Self {
        Self { at, skip: 0, row: None }
    }
}

/// The samples of a device with `from <= at <= to`, the oldest `limit` of them, or fewer if they are large.
pub fn range(
    db: &Connection,
    device: i64,
    id: &DeviceId,
    from: i64,
    to: i64,
    limit: usize,
) -> rusqlite::Result<History> {
    let (samples, next) = page(db, device, id, Cursor::before(from), to, limit)?;
    Ok(History { samples, truncated: next.is_some() })
}

/// The same from a place on, and where it goes on if there are more.
pub fn page(
    db: &Connection,
    device: i64,
    id: &DeviceId,
    from: Cursor,
    to: i64,
    limit: usize,
) -> rusqlite::Result<(Vec<StoredSample>, Option<Cursor>)> {
    // What is sealed meanwhile must be seen either as rows or as a block.
    let snapshot = db.unchecked_transaction()?;
    let mut page = Page { id, from, to, limit, skipped: 0, bytes: 0, samples: Vec::new(), last: None };
    let (mut at, mut full) = (from.at, false);
    while at <= to && !full {
        let Some(hour) = hour::next(&snapshot, device, (at, to), Kept::Samples)? else { break };
        full = page.add_hour(&snapshot, device, hour)?;
        at = hour::end_of(hour).saturating_add(1);
        if at == i64::MAX {
            break;
        }
    }
    snapshot.finish()?;
    let next = if full { page.end() } else { None };
    Ok((page.samples, next))
}

/// The packed samples of an hour, and up to which id rows are in them.
pub(super) fn whole_block(db: &Connection, device: i64, hour: i64) -> rusqlite::Result<(Option<Whole>, i64)> {
    let block = hour::block(db, device, hour)?.map(|bytes| Block::unpack_whole(db, &bytes)).transpose()?;
    let sealed_to: Option<Option<i64>> = db
        .prepare_cached("SELECT sealed_to FROM hours WHERE device = ? AND hour = ?")?
        .query_row([device, hour], |row| row.get(0))
        .optional()?;
    Ok((block, sealed_to.flatten().unwrap_or_default()))
}

struct Page<'a> {
    id: &'a DeviceId,
    from: Cursor,
    to: i64,
    limit: usize,
    skipped: usize,
    bytes: usize,
    samples: Vec<StoredSample>,
    /// Of the last sample, as in [`Cursor`].
    last: Option<(i64, usize)>,
}

impl Page<'_> {
    /// Adds what an hour holds, in order; true when there is no room for all of it.
    fn add_hour(&mut self, db: &Connection, device: i64, hour: i64) -> rusqlite::Result<bool> {
        let (block, sealed_to) = whole_block(db, device, hour)?;
        let (from, to) = (self.from.at.max(hour::start_of(hour)), self.to.min(hour::end_of(hour)));
        let count = block.as_ref().map_or(0, |block| block.block.len);
        let after =
            self.from.row.filter(|(id, packed)| from == self.from.at && *packed == count && *id > sealed_to);
        if after.is_some() {
            self.skipped = self.from.skip;
        }
        let mut statement = db.prepare_cached(&format!(
            "SELECT {COLUMNS}, {FROM} AND at = ?2 AND id > ?3 UNION ALL \
             SELECT {COLUMNS}, {FROM} AND at > ?2 AND at <= ?4 AND id > ?5 ORDER BY at, id"
        ))?;
        let after_id = after.map_or(sealed_to, |(id, _)| id);
        let mut rows = statement.query(params![device, from, after_id, to, sealed_to])?;
        rows.advance()?;
        // Of the same time, those of the block came before the row.
        let first = from.saturating_add(i64::from(after.is_some()));
        let mut places = block.iter().flat_map(|block| (0..block.block.len).map(move |place| (block, place)));
        let mut packed = places.find(|(block, place)| block.block.at(*place) >= first);
        loop {
            let row = rows.get();
            let at = row.map(|row| row.get::<_, i64>(AT)).transpose()?;
            let next =
                packed.filter(|(block, place)| block.block.at(*place) <= to.min(at.unwrap_or(i64::MAX)));
            let full = match (next, row) {
                (Some((block, place)), _) => {
                    let full = self.add(&block.sample(place), None)?;
                    packed = places.next();
                    full
                }
                (None, Some(row)) => {
                    let full = self.add(row, Some((row.get(COLUMN_COUNT + 1)?, count)))?;
                    rows.advance()?;
                    full
                }
                (None, None) => return Ok(false),
            };
            if full {
                return Ok(true);
            }
        }
    }

    /// Adds a sample; true when there is no room for it.
    fn add(&mut self, sample: &impl Cells, row: Option<(i64, usize)>) -> rusqlite::Result<bool> {
        if self.skipped < self.from.skip && sample.cell(AT)?.as_i64()? == self.from.at {
            self.skipped += 1;
            return Ok(false);
        }
        if self.samples.len() >= self.limit || self.bytes > PAGE_TEXT_BYTES {
            return Ok(true);
        }
        for column in 0..COLUMN_COUNT {
            if let ValueRef::Text(text) = sample.cell(column)? {
                self.bytes += text.len();
            }
        }
        self.samples.push(read(sample, self.id)?);
        self.last = row;
        Ok(false)
    }

    /// The place after the last sample.
    fn end(&self) -> Option<Cursor> {
        let at = self.samples.last()?.at;
        let same = self.samples.iter().rev().take_while(|sample| sample.at == at).count();
        let before = if at == self.from.at { self.from.skip } else { 0 };
        Some(Cursor { at, skip: before + same, row: self.last })
    }
}
