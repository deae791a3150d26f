//! The last packed sample of each device, beside its block: who starts wants one sample of each, not its whole hour.
//!
//! It is noted with the block and removed with it (a trigger). Blocks of older versions have none beside them, and the one
//! before a block that was removed has none either; [`missing`] finds them for the sealer
//! to make up for it, and until then the sample is looked for in the block.

use rusqlite::{Connection, OptionalExtension, params};

use super::block::{Block, Whole};
use super::hour;
use super::sealing::DeviceHour;

/// The last sample of a block, as it is kept.
pub(super) fn pack(block: &Block) -> rusqlite::Result<Option<Vec<u8>>> {
    let Some(last) = block.len.checked_sub(1) else { return Ok(None) };
    let mut one = Block::default();
    one.push(&block.sample(last))?;
    Ok(Some(one.pack()))
}

/// Keeps it, unless that of a later hour is kept.
pub fn note(db: &Connection, of: DeviceHour, packed: &[u8]) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO last_samples (device, hour, sample) VALUES (?1, ?2, ?3) \
         ON CONFLICT (device) DO UPDATE SET hour = ?2, sample = ?3 WHERE hour <= ?2",
    )?
    .execute(params![of.device, of.hour, packed])?;
    Ok(())
}

/// The hour of a device's last block.
fn last_hour(db: &Connection, device: i64) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT max(hour) FROM blocks WHERE device = ?")?.query_row([device], |row| row.get(0))
}

/// The last packed sample of a device, the last of its block, if its hour is `from` or later.
pub(in crate::store) fn find(
    db: &Connection,
    device: i64,
    from: Option<i64>,
) -> rusqlite::Result<Option<Whole>> {
    let Some(hour) = last_hour(db, device)?.filter(|hour| from.is_none_or(|from| from <= *hour)) else {
        return Ok(None);
    };
    let kept = db
        .prepare_cached("SELECT sample FROM last_samples WHERE device = ? AND hour = ?")?
        .query_row([device, hour], |row| row.get(0))
        .optional()?;
    let bytes: Option<Vec<u8>> = if kept.is_some() { kept } else { hour::block(db, device, hour)? };
    bytes.map(|bytes| Block::unpack_whole(db, &bytes)).transpose()
}

/// The last blocks whose last sample is not kept beside them.
pub fn missing(db: &Connection) -> rusqlite::Result<Vec<DeviceHour>> {
    let mut next = db.prepare_cached("SELECT min(device) FROM blocks WHERE device > ?")?;
    let mut kept =
        db.prepare_cached("SELECT EXISTS (SELECT 1 FROM last_samples WHERE device = ? AND hour = ?)")?;
    let (mut missing, mut from) = (Vec::new(), i64::MIN);
    while let Some(device) = next.query_row([from], |row| row.get::<_, Option<i64>>(0))? {
        if let Some(hour) = last_hour(db, device)?
            && !kept.query_row([device, hour], |row| row.get::<_, bool>(0))?
        {
            missing.push(DeviceHour { device, hour });
        }
        from = device;
    }
    Ok(missing)
}

/// What is to be kept of a block that is there.
pub fn of_block(db: &Connection, of: DeviceHour) -> rusqlite::Result<Option<Vec<u8>>> {
    let Some(bytes) = hour::block(db, of.device, of.hour)? else { return Ok(None) };
    pack(&Block::unpack(&bytes, |_| true)?)
}
