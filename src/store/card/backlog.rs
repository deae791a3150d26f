//! The samples in the database that nobody has confirmed yet, and what is remembered of them in memory.

use std::collections::BTreeMap;

use ems_protocol::SeqRanges;
use rusqlite::{Connection, OptionalExtension};

use super::boots::Boots;
use super::entry;
use super::given::Given;
use super::{CardError, Chunk, Cursor, Dropped, Limits};
use crate::sample::Sample;
use crate::store::record;

/// Confirmed blocks are deleted by so many: a write for each would wear the card.
const DELETE_TOGETHER: usize = 8;

/// What is stored, in numbers. Filled by [`Backlog::load`].
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Samples that nobody has confirmed.
    pub(super) samples: u64,
    /// What they cover, ms.
    pub(super) span_ms: u64,
    /// Blocks given out by [`Backlog::oldest`], until they are deleted.
    given: BTreeMap<i64, Given>,
    next_id: i64,
}

impl Backlog {
    /// Looks at every stored block, removes what is none. Returns the backlog and how many were no blocks.
    pub(super) fn load(connection: &Connection, boots: &mut Boots) -> Result<(Self, u64), CardError> {
        let mut backlog = Self { next_id: 1, ..Self::default() };
        let mut damaged = Vec::new();
        let mut select = connection.prepare("SELECT id, data FROM block ORDER BY id")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            in_order(id, backlog.next_id)?;
            backlog.next_id = id.saturating_add(1);
            let data = row.get_ref(1)?.as_blob().unwrap_or_default();
            let Some(block) = record::open(entry::BLOCK, data).and_then(entry::block) else {
                damaged.push(id);
                continue;
            };
            backlog.samples += block.samples.len() as u64;
            backlog.span_ms = backlog.span_ms.saturating_add(entry::span_ms(&block.samples));
            boots.stored(block.boot_id, block.samples.iter().map(|s| s.seq));
        }
        drop(rows);
        for id in &damaged {
            connection.execute("DELETE FROM block WHERE id = ?1", (id,))?;
        }
        Ok((backlog, damaged.len() as u64))
    }

    /// Stores samples that are not there yet, with one durable write; makes room where a limit asks for it.
    pub(super) fn push(
        &mut self,
        connection: &mut Connection,
        boots: &mut Boots,
        (boot_id, samples): (&str, &[Sample]),
        limits: Limits,
    ) -> Result<Dropped, CardError> {
        let fresh: Vec<Sample> = samples.iter().filter(|s| !boots.has(boot_id, s.seq)).copied().collect();
        if fresh.is_empty() {
            return Ok(Dropped::default());
        }
        let blocks = entry::pack_blocks(boot_id, &fresh)?;
        let transaction = connection.transaction()?;
        let new_boot = boots.write_if_new(&transaction, boot_id)?;
        let first_new = self.next_id;
        let mut next_id = first_new;
        for block in &blocks {
            transaction.execute("INSERT INTO block VALUES (?1, ?2)", (next_id, &block.data))?;
            next_id += 1;
        }
        let span_ms = blocks.iter().fold(self.span_ms, |sum, block| sum.saturating_add(block.span_ms));
        let cleared = self.make_room(&transaction, first_new, span_ms, limits)?;
        transaction.commit()?;
        // Only now: a write that failed has changed nothing here either.
        self.next_id = next_id;
        self.samples = (self.samples + fresh.len() as u64).saturating_sub(cleared.dropped.samples());
        self.span_ms = span_ms.saturating_sub(cleared.span_ms);
        self.given.retain(|id, _| !cleared.ids.contains(id));
        if let Some(row) = new_boot {
            boots.written(boot_id, row);
        }
        boots.stored(boot_id, fresh.iter().map(|s| s.seq));
        Ok(cleared.dropped)
    }

    /// The oldest samples from `after` on that nobody has confirmed, all of one boot.
    pub(super) fn oldest(
        &mut self,
        connection: &Connection,
        after: Cursor,
        max_samples: usize,
    ) -> Result<Option<Chunk>, CardError> {
        let mut select = connection.prepare("SELECT id, data FROM block WHERE id >= ?1 ORDER BY id")?;
        let mut rows = select.query((after.block,))?;
        let mut chunk: Option<Chunk> = None;
        let mut least = after.block;
        let room = max_samples.max(1);
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            in_order(id, least)?;
            least = id.saturating_add(1);
            let data = row.get_ref(1)?.as_blob().unwrap_or_default();
            let Some(block) = record::open(entry::BLOCK, data).and_then(entry::block) else {
                // It was whole when it was loaded: the card has changed under us.
                return Err(CardError::Damaged(format!("block {id} is no block any more")));
            };
            if chunk.as_ref().is_some_and(|chunk| chunk.boot_id != block.boot_id) {
                if chunk.as_ref().is_some_and(|chunk| !chunk.samples.is_empty()) {
                    break;
                }
                chunk = None;
            }
            let given = self.given.entry(id).or_insert_with(|| Given::new(block.boot_id, &block.samples));
            let chunk = chunk.get_or_insert_with(|| Chunk {
                boot_id: block.boot_id.to_owned(),
                samples: Vec::new(),
                next: after,
            });
            let skip = if id == after.block { after.sample } else { 0 };
            for (index, sample) in block.samples.iter().enumerate().skip(skip) {
                if chunk.samples.len() == room {
                    chunk.next = Cursor { block: id, sample: index, ..after };
                    return Ok(Some(std::mem::take(chunk)));
                }
                if !given.confirmed.contains(sample.seq) {
                    chunk.samples.push(*sample);
                }
            }
            chunk.next = Cursor { block: id + 1, sample: 0, ..after };
        }
        Ok(chunk.filter(|chunk| !chunk.samples.is_empty()))
    }

    /// Forgets samples that [`Backlog::oldest`] has given. Returns how many were waiting until now.
    pub(super) fn remove(
        &mut self,
        connection: &mut Connection,
        boot_id: &str,
        numbers: &SeqRanges,
    ) -> Result<u64, CardError> {
        let mut forgotten = 0;
        for given in self.given.values_mut().filter(|given| given.waiting > 0 && given.boot_id == boot_id) {
            let confirmed = given.confirm(numbers);
            forgotten += confirmed;
            if confirmed > 0 && given.waiting == 0 {
                self.span_ms = self.span_ms.saturating_sub(given.span_ms);
            }
        }
        self.samples = self.samples.saturating_sub(forgotten);
        let finished = self.given.values().filter(|given| given.waiting == 0).count();
        if finished >= DELETE_TOGETHER || (self.samples == 0 && finished > 0) {
            self.delete_finished(connection)?;
        }
        Ok(forgotten)
    }

    /// Writes down what is confirmed within blocks too, before an orderly end.
    pub(super) fn settle(&mut self, connection: &mut Connection) -> Result<(), CardError> {
        self.delete_finished(connection)?;
        let transaction = connection.transaction()?;
        for (id, given) in self.given.iter().filter(|(_, given)| !given.confirmed.is_empty()) {
            let select = "SELECT data FROM block WHERE id = ?1";
            let data: Option<Vec<u8>> = transaction.query_row(select, (id,), |row| row.get(0)).optional()?;
            let Some(block) =
                data.as_deref().and_then(|d| record::open(entry::BLOCK, d)).and_then(entry::block)
            else {
                continue;
            };
            let waiting: Vec<Sample> =
                block.samples.iter().filter(|s| !given.confirmed.contains(s.seq)).copied().collect();
            // Fewer samples than before may still pack worse; two blocks have no place here.
            if let [packed] = entry::pack_blocks(block.boot_id, &waiting)?.as_slice() {
                transaction.execute("UPDATE block SET data = ?2 WHERE id = ?1", (id, &packed.data))?;
            }
        }
        transaction.commit()?;
        self.given.clear();
        Ok(())
    }

    fn delete_finished(&mut self, connection: &mut Connection) -> Result<(), CardError> {
        let finished: Vec<i64> =
            self.given.iter().filter(|(_, given)| given.waiting == 0).map(|(&id, _)| id).collect();
        if finished.is_empty() {
            return Ok(());
        }
        // Not durable at once: if it is lost, the samples are sent again and the cloud knows them.
        connection.execute_batch("PRAGMA synchronous=NORMAL")?;
        let deleted = delete(connection, &finished);
        connection.execute_batch("PRAGMA synchronous=FULL")?;
        deleted?;
        for id in &finished {
            self.given.remove(id);
        }
        Ok(())
    }

    /// Deletes the oldest blocks while a limit is passed; never those just written.
    fn make_room(
        &self,
        connection: &Connection,
        first_new: i64,
        span_ms: u64,
        limits: Limits,
    ) -> Result<Cleared, CardError> {
        let mut cleared = Cleared::default();
        loop {
            let too_big = used_bytes(connection)? > limits.max_bytes;
            let too_long = span_ms.saturating_sub(cleared.span_ms) > limits.max_span_ms();
            if !too_big && !too_long {
                return Ok(cleared);
            }
            let oldest = "SELECT id, data FROM block WHERE id < ?1 ORDER BY id LIMIT 1";
            let row = connection
                .query_row(oldest, (first_new,), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
                .optional()?;
            let Some((id, data)) = row else { return Ok(cleared) };
            connection.execute("DELETE FROM block WHERE id = ?1", (id,))?;
            cleared.ids.push(id);
            if let Some(given) = self.given.get(&id) {
                cleared.count(given.waiting, given.span_ms, too_big);
            } else if let Some(block) = record::open(entry::BLOCK, &data).and_then(entry::block) {
                cleared.count(block.samples.len() as u64, entry::span_ms(&block.samples), too_big);
            }
        }
    }
}

/// What was deleted to make room.
#[derive(Default)]
struct Cleared {
    ids: Vec<i64>,
    span_ms: u64,
    dropped: Dropped,
}

impl Cleared {
    fn count(&mut self, waiting: u64, span_ms: u64, too_big: bool) {
        // A block whose samples are all confirmed no longer counts in the span.
        if waiting > 0 {
            self.span_ms = self.span_ms.saturating_add(span_ms);
        }
        *(if too_big { &mut self.dropped.by_bytes } else { &mut self.dropped.by_hours }) += waiting;
    }
}

/// What the database really takes of its file, in bytes.
pub(super) fn used_bytes(connection: &Connection) -> Result<u64, CardError> {
    let pragma = |name| connection.query_row(name, (), |row| row.get::<_, i64>(0));
    let pages = pragma("PRAGMA page_count")? - pragma("PRAGMA freelist_count")?;
    Ok(u64::try_from(pages * pragma("PRAGMA page_size")?).unwrap_or(0))
}

/// A damaged tree may lead in circles: rows come in the order of their ids, or something is wrong.
fn in_order(id: i64, least: i64) -> Result<(), CardError> {
    if id >= least {
        return Ok(());
    }
    Err(CardError::Damaged(format!("block {id} comes after block {}", least.saturating_sub(1))))
}

fn delete(connection: &mut Connection, ids: &[i64]) -> Result<(), CardError> {
    let transaction = connection.transaction()?;
    for id in ids {
        transaction.execute("DELETE FROM block WHERE id = ?1", (id,))?;
    }
    Ok(transaction.commit()?)
}
