//! Sealing: the rows of an hour that is over become a block and roll-ups.
//!
//! Each step is a small transaction, so that live samples never wait long. [`seal`] writes what [`prepare`] has made of
//! the rows, and up to which id they are in it; from then on these rows are not looked at any more, and [`clear`] deletes
//! them in portions. A server that is killed between two steps goes on where it was: what is written is always whole.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};

use super::HOUR_MS;
use super::block::Block;
use super::bytes::Unpacker;
use super::hour::{self, MAX_SAMPLES, Points};
use super::last;
use super::packed::{Hour, pack_minutes, unpack_minutes};
use crate::store::samples::row::{COLUMN_COUNT, COLUMNS};

/// What is sealed in one piece: [`MAX_SAMPLES`], and so many bytes of their texts. An hour with more, which no device of
/// ours sends, stays as rows, that are read without holding all of them.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// Samples of an hour that keep coming are sealed when the oldest has waited so long, ms.
const PATIENCE_MS: i64 = HOUR_MS;
/// Rows that one step deletes; few in tests, so that much happens between two steps.
const PORTION: usize = if cfg!(test) { 7 } else { 500 };

/// An hour of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceHour {
    /// The device's key.
    pub device: i64,
    /// Whole hours since 1970.
    pub hour: i64,
}

/// What is to be done with an hour.
#[derive(Debug)]
pub enum Plan {
    /// Its samples are still arriving, or there are none.
    Wait,
    /// Rows that are in its block already are to be deleted first.
    Clear,
    /// This is to be written.
    Seal(Box<Sealing>),
    /// It is too large.
    Leave,
}

/// The rows of an hour, packed.
#[derive(Debug)]
pub struct Sealing {
    of: DeviceHour,
    /// How many samples are packed.
    pub samples: usize,
    sealed_to: i64,
    newest: i64,
    packed: Packed,
}

/// The devices of which there are rows, by their keys, each with the hour of the first one.
pub fn devices(db: &Connection) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut next = db.prepare_cached("SELECT min(device) FROM samples WHERE device >= ?")?;
    let mut first = db.prepare_cached("SELECT min(at) FROM samples WHERE device = ?")?;
    let (mut devices, mut from) = (Vec::new(), i64::MIN);
    while let Some(device) = next.query_row([from], |row| row.get::<_, Option<i64>>(0))? {
        let at: i64 = first.query_row([device], |row| row.get(0))?;
        devices.push((device, at.div_euclid(HOUR_MS)));
        from = device.saturating_add(1);
    }
    Ok(devices)
}

/// At most `limit` hours of a device from `first` on of which there are rows and that were over at `before` (ms since
/// 1970), by time.
pub fn due(
    db: &Connection,
    device: i64,
    first: i64,
    before: i64,
    limit: usize,
) -> rusqlite::Result<Vec<DeviceHour>> {
    let hours = hour::with_rows(db, device, (first, before.div_euclid(HOUR_MS) - 1), limit)?;
    Ok(hours.into_iter().map(|hour| DeviceHour { device, hour }).collect())
}

/// Hours with rows that are in their block already: a server was stopped between two steps.
pub fn unfinished(db: &Connection) -> rusqlite::Result<Vec<DeviceHour>> {
    db.prepare_cached("SELECT device, hour FROM hours WHERE sealed_to IS NOT NULL")?
        .query_map([], |row| Ok(DeviceHour { device: row.get(0)?, hour: row.get(1)? }))?
        .collect()
}

/// Reads the rows of an hour and packs them; nothing is written. Only those are taken of which none came after `quiet`
/// (ms since 1970), so that a backlog is sealed once and not sample by sample.
pub fn prepare(db: &Connection, of: DeviceHour, quiet: i64) -> rusqlite::Result<Plan> {
    let snapshot = db.unchecked_transaction()?;
    let plan = prepare_in(&snapshot, of, quiet)?;
    snapshot.finish()?;
    Ok(plan)
}

fn prepare_in(db: &Connection, of: DeviceHour, quiet: i64) -> rusqlite::Result<Plan> {
    let DeviceHour { device, hour } = of;
    let known: Option<(Option<i64>, i64, Vec<u8>)> = db
        .prepare_cached("SELECT sealed_to, newest, rollup FROM hours WHERE device = ? AND hour = ?")?
        .query_row([device, hour], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if known.as_ref().is_some_and(|(sealed_to, _, _)| sealed_to.is_some()) {
        return Ok(Plan::Clear);
    }
    let arrivals = Arrivals::of(db, of)?;
    if arrivals.count > MAX_SAMPLES {
        return Ok(Plan::Leave);
    }
    // Asked once a minute of each hour that waits: it must not cost what sealing costs.
    if !arrivals.have_settled(quiet) {
        return Ok(Plan::Wait);
    }
    let Some((rows, sealed_to)) = rows(db, of)? else { return Ok(Plan::Leave) };
    let packed = hour::block(db, device, hour)?;
    if let (Some((_, newest, rollup)), None) = (&known, &packed) {
        let packed = join(db, of, &rows, &Hour::unpack(rollup)?)?;
        let newest = rows.newest().max(*newest);
        return Ok(Plan::Seal(Box::new(Sealing { of, samples: rows.len, sealed_to, newest, packed })));
    }
    let newest = known.map_or(rows.newest(), |(_, newest, _)| rows.newest().max(newest));
    let before = packed.map(|bytes| Block::unpack(&bytes, |_| true)).transpose()?;
    let block = match before {
        None => rows,
        Some(before) => before.merge(&rows)?,
    };
    if block.len > MAX_SAMPLES || block.text_bytes() > MAX_TEXT_BYTES {
        return Ok(Plan::Leave);
    }
    let points = Points::of_block(&block);
    let longest = points.longest();
    let minutes = points.minutes(longest);
    let packed_minutes = pack_minutes(&minutes);
    let whole = minutes.into_iter().reduce(|mut hour, minute| {
        hour.merge(&minute, longest);
        hour
    });
    let hour = whole.map(|rollup| Hour { rollup, longest }.pack()).unwrap_or_default();
    let packed =
        Packed { block: Some(block.pack()), last: last::pack(&block)?, minutes: Some(packed_minutes), hour };
    Ok(Plan::Seal(Box::new(Sealing { of, samples: block.len, sealed_to, newest, packed })))
}

/// The samples that came before are gone, and those that came late join the roll-ups that are left. They are not kept: a
/// block of them alone would pass for the whole hour.
fn join(db: &Connection, of: DeviceHour, rows: &Block, left: &Hour) -> rusqlite::Result<Packed> {
    let late = Points::of_block(rows).minutes(left.longest);
    let minutes = hour::minutes(db, of.device, of.hour)?
        .map(|bytes| unpack_minutes(&bytes, &mut Unpacker::default()))
        .transpose()?
        .map(|minutes| pack_minutes(&hour::blend(minutes, &late)));
    Ok(Packed { block: None, last: None, minutes, hour: left.with(&late).pack() })
}

/// What is written of an hour: nothing of what is gone.
#[derive(Debug)]
struct Packed {
    block: Option<Vec<u8>>,
    last: Option<Vec<u8>>,
    minutes: Option<Vec<u8>>,
    hour: Vec<u8>,
}

/// The rows of an hour by their arrival, ms since 1970: what can be known of them without holding them.
struct Arrivals {
    /// How many; of more than [`MAX_SAMPLES`], one more.
    count: usize,
    /// None without rows, as `newest`.
    oldest: Option<i64>,
    newest: Option<i64>,
}

impl Arrivals {
    fn of(db: &Connection, of: DeviceHour) -> rusqlite::Result<Self> {
        let span = params![of.device, hour::start_of(of.hour), hour::end_of(of.hour), MAX_SAMPLES + 1];
        db.prepare_cached(
            "SELECT count(*), min(received_at), max(received_at) FROM \
             (SELECT received_at FROM samples WHERE device = ? AND at BETWEEN ? AND ? LIMIT ?)",
        )?
        .query_row(span, |row| Ok(Self { count: row.get(0)?, oldest: row.get(1)?, newest: row.get(2)? }))
    }

    /// Whether none came after `quiet`, or the oldest has waited long enough.
    fn have_settled(&self, quiet: i64) -> bool {
        self.newest.is_some_and(|newest| newest <= quiet)
            || self.oldest.is_some_and(|oldest| oldest <= quiet - PATIENCE_MS)
    }
}

/// What [`rows`] asks.
pub(super) fn rows_query() -> String {
    format!("SELECT {COLUMNS}, id FROM samples WHERE device = ? AND at BETWEEN ? AND ? ORDER BY at, id")
}

/// All rows of an hour, and the greatest id; none when they are too large.
fn rows(db: &Connection, of: DeviceHour) -> rusqlite::Result<Option<(Block, i64)>> {
    let mut statement = db.prepare_cached(&rows_query())?;
    let mut rows = statement.query([of.device, hour::start_of(of.hour), hour::end_of(of.hour)])?;
    let (mut block, mut last, mut bytes) = (Block::default(), 0, 0);
    while let Some(row) = rows.next()? {
        for column in 0..COLUMN_COUNT {
            if let ValueRef::Text(text) = row.get_ref(column)? {
                bytes += text.len();
            }
        }
        if block.len >= MAX_SAMPLES || bytes > MAX_TEXT_BYTES {
            return Ok(None);
        }
        block.push(row)?;
        last = last.max(row.get(COLUMN_COUNT)?);
    }
    Ok(Some((block, last)))
}

/// Writes the block and the roll-ups. From this transaction on the rows in them do not count any more.
pub fn seal(db: &Connection, sealing: &Sealing) -> rusqlite::Result<()> {
    let Sealing { of, newest, packed, .. } = sealing;
    let DeviceHour { device, hour } = of;
    if let Some(block) = &packed.block {
        db.prepare_cached(
            "INSERT INTO blocks (device, hour, newest, samples) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (device, hour) DO UPDATE SET newest = ?3, samples = ?4",
        )?
        .execute(params![device, hour, newest, block])?;
    }
    if let Some(last) = &packed.last {
        last::note(db, *of, last)?;
    }
    if let Some(minutes) = &packed.minutes {
        db.prepare_cached(
            "INSERT INTO minutes (device, hour, newest, rollups) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (device, hour) DO UPDATE SET newest = ?3, rollups = ?4",
        )?
        .execute(params![device, hour, newest, minutes])?;
    }
    db.prepare_cached(
        "INSERT INTO hours (device, hour, newest, sealed_to, rollup) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (device, hour) DO UPDATE SET newest = ?3, sealed_to = ?4, rollup = ?5",
    )?
    .execute(params![device, hour, newest, sealing.sealed_to, packed.hour])?;
    Ok(())
}

/// Deletes a portion of the rows that are in the block; whether that was the last.
///
/// SQLite gives a new row the greatest id and one. The row with the id `sealed_to` goes last and in one transaction with
/// `sealed_to` itself, so no new row can have an id that counts as sealed.
pub fn clear(db: &Connection, of: DeviceHour) -> rusqlite::Result<bool> {
    let DeviceHour { device, hour } = of;
    let sealed_to: Option<i64> = db
        .prepare_cached("SELECT sealed_to FROM hours WHERE device = ? AND hour = ?")?
        .query_row([device, hour], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(sealed_to) = sealed_to else { return Ok(true) };
    let (start, end) = (hour::start_of(hour), hour::end_of(hour));
    db.prepare_cached(
        "DELETE FROM samples WHERE id IN (SELECT id FROM samples WHERE device = ? AND at BETWEEN ? AND ? AND id <= ? \
         ORDER BY id LIMIT ?)",
    )?
    .execute(params![device, start, end, sealed_to, PORTION])?;
    let more: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM samples WHERE device = ? AND at BETWEEN ? AND ? AND id <= ?)",
        )?
        .query_row([device, start, end, sealed_to], |row| row.get(0))?;
    if !more {
        db.prepare_cached("UPDATE hours SET sealed_to = NULL WHERE device = ? AND hour = ?")?
            .execute([device, hour])?;
    }
    Ok(!more)
}
