//! Samples from the last one back.

use ems_protocol::DeviceId;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::{Connection, OptionalExtension, params};

use super::StoredSample;
use super::range::whole_block;
use super::row::{AT, COLUMNS, Cells, read};
use crate::store::history::HOUR_MS;
use crate::store::history::hour;
use crate::store::history::last;

/// The sample that is last on a device's time axis.
pub fn latest(db: &Connection, device: i64, id: &DeviceId) -> rusqlite::Result<Option<StoredSample>> {
    let snapshot = db.unchecked_transaction()?;
    let query = format!(
        "SELECT {COLUMNS}, (SELECT boot_id FROM boots WHERE key = boot) FROM samples \
         WHERE device = ? ORDER BY at DESC, id DESC LIMIT 1"
    );
    let row = snapshot.prepare_cached(&query)?.query_row(params![device], |row| read(row, id)).optional()?;
    let mut latest = row;
    let hour = latest.as_ref().map(|row| row.at.div_euclid(HOUR_MS));
    if let Some(packed) = last::find(&snapshot, device, hour)?
        && let Some(last) = packed.block.len.checked_sub(1)
        && latest.as_ref().is_none_or(|row| row.at < packed.block.at(last))
    {
        latest = Some(read(&packed.sample(last), id)?);
    }
    snapshot.finish()?;
    Ok(latest)
}

/// Shows the samples of a device from the last one back to `from`, for as long as `take` wants more.
pub(in crate::store) fn newest_first(
    db: &Connection,
    device: i64,
    id: &DeviceId,
    from: i64,
    mut take: impl FnMut(StoredSample) -> bool,
) -> rusqlite::Result<()> {
    let snapshot = db.unchecked_transaction()?;
    let mut to = i64::MAX;
    while let Some(hour) = hour::last(&snapshot, device, (from, to))? {
        if !hour_newest_first(&snapshot, device, hour, from, |sample| Ok(take(read(sample, id)?)))? {
            break;
        }
        to = hour::start_of(hour) - 1;
    }
    snapshot.finish()
}

/// The same within an hour; false when `take` has enough.
fn hour_newest_first(
    db: &Connection,
    device: i64,
    hour: i64,
    from: i64,
    mut take: impl FnMut(&dyn Cells) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let (block, sealed_to) = whole_block(db, device, hour)?;
    let from = from.max(hour::start_of(hour));
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, (SELECT boot_id FROM boots WHERE key = boot) FROM samples \
         WHERE device = ? AND at BETWEEN ? AND ? AND id > ? ORDER BY at DESC, id DESC"
    ))?;
    let mut rows = statement.query(params![device, from, hour::end_of(hour), sealed_to])?;
    rows.advance()?;
    let mut places =
        block.iter().flat_map(|block| (0..block.block.len).rev().map(move |place| (block, place)));
    let mut packed = places.next();
    loop {
        let row = rows.get();
        let at = row.map(|row| row.get::<_, i64>(AT)).transpose()?;
        let next = packed.filter(|(block, place)| block.block.at(*place) >= from);
        let more = match (next, row) {
            // Of the same time, the row came later.
            (Some((block, place)), _) if at.is_none_or(|at| at < block.block.at(place)) => {
                packed = places.next();
                take(&block.sample(place))?
            }
            (_, Some(row)) => {
                let more = take(row)?;
                rows.advance()?;
                more
            }
            (_, None) => return Ok(true),
        };
        if !more {
            return Ok(false);
        }
    }
}
