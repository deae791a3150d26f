//! The boots whose samples are stored: their order, and what their clocks were worth.

use ems_protocol::SeqRanges;
use rusqlite::Connection;

use super::entry::{self, Boot};
use super::{BootClock, CardError};
use crate::store::record;

/// An offset that differs by less is no reason to write to the card.
const TOLERANCE_MS: u64 = 1_000;

/// Every boot that has samples on the card, or had some lately.
#[derive(Debug, Default)]
pub(super) struct Boots {
    known: Vec<Known>,
    revision: u64,
}

#[derive(Debug)]
struct Known {
    boot: Boot,
    /// Row in the database; `None` while it was never written.
    row: Option<i64>,
    /// Numbers that are or were stored since the daemon began.
    numbers: SeqRanges,
}

/// Where a boot was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRow(i64);

impl Known {
    /// Whether it has no samples left and is not the boot that is being written.
    fn is_past(&self, written: &str) -> bool {
        self.numbers.is_empty() && self.boot.name != written
    }
}

impl Boots {
    /// Reads the boots. A row that is none is left out: its successor replaces it.
    pub(super) fn load(connection: &Connection) -> Result<Self, CardError> {
        let mut boots = Self::default();
        let mut select = connection.prepare("SELECT id, data FROM boot")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let data = row.get_ref(1)?.as_blob().unwrap_or_default();
            if let Some((revision, boot)) = record::open(entry::BOOT, data).and_then(entry::boot) {
                boots.revision = boots.revision.max(revision);
                boots.known.push(Known { boot, row: Some(id), numbers: SeqRanges::new() });
            }
        }
        boots.known.sort_by_key(|known| known.boot.order);
        Ok(boots)
    }

    /// Notes samples that are in the database.
    pub(super) fn stored(&mut self, boot_id: &str, numbers: impl Iterator<Item = u64>) {
        let known = self.entry(boot_id);
        let mut run: Option<(u64, u64)> = None;
        for seq in numbers {
            run = match run {
                Some((first, last)) if last.checked_add(1) == Some(seq) => Some((first, seq)),
                other => {
                    if let Some((first, last)) = other {
                        known.numbers.insert_range(first, last);
                    }
                    Some((seq, seq))
                }
            };
        }
        if let Some((first, last)) = run {
            known.numbers.insert_range(first, last);
        }
    }

    /// Whether this sample is or was stored since the daemon began.
    pub(super) fn has(&self, boot_id: &str, seq: u64) -> bool {
        self.find(boot_id).is_some_and(|known| known.numbers.contains(seq))
    }

    /// No sample is stored any more: the numbers of those that were are forgotten too.
    pub(super) fn forget_numbers(&mut self) {
        for known in &mut self.known {
            known.numbers = SeqRanges::new();
        }
    }

    /// What is known of a boot's clock.
    pub(super) fn clock(&self, boot_id: &str) -> Option<BootClock> {
        self.find(boot_id)?.boot.clock
    }

    /// Notes a boot's clock; writes it down if samples of this boot are on the card.
    pub(super) fn set_clock(
        &mut self,
        connection: &Connection,
        boot_id: &str,
        clock: BootClock,
    ) -> Result<(), CardError> {
        let known = self.entry(boot_id);
        let same = known.boot.clock.is_some_and(|old| {
            old.quality == clock.quality && old.offset_ms.abs_diff(clock.offset_ms) < TOLERANCE_MS
        });
        if same {
            return Ok(());
        }
        let boot = Boot { clock: Some(clock), ..known.boot.clone() };
        if let Some(row) = known.row {
            self.revision += 1;
            let data = entry::pack_boot(&boot, self.revision)?;
            connection.execute("UPDATE boot SET data = ?2 WHERE id = ?1", (row, data))?;
        }
        self.entry(boot_id).boot = boot;
        Ok(())
    }

    /// Within the transaction that stores the first samples of a boot; boots without samples make way for it.
    /// To be followed by [`Boots::written`] once that is committed.
    pub(super) fn write_if_new(
        &mut self,
        connection: &Connection,
        boot_id: &str,
    ) -> Result<Option<NewRow>, CardError> {
        let known = self.entry(boot_id);
        if known.row.is_some() {
            return Ok(None);
        }
        let boot = known.boot.clone();
        for past in self.known.iter().filter(|known| known.is_past(boot_id)) {
            connection.execute("DELETE FROM boot WHERE id = ?1", (past.row,))?;
        }
        self.revision += 1;
        let data = entry::pack_boot(&boot, self.revision)?;
        connection.execute("INSERT INTO boot (data) VALUES (?1)", (data,))?;
        Ok(Some(NewRow(connection.last_insert_rowid())))
    }

    /// The transaction of [`Boots::write_if_new`] is committed.
    pub(super) fn written(&mut self, boot_id: &str, row: NewRow) {
        self.known.retain(|known| !known.is_past(boot_id));
        self.entry(boot_id).row = Some(row.0);
    }

    fn find(&self, boot_id: &str) -> Option<&Known> {
        self.known.iter().rfind(|known| known.boot.name == boot_id)
    }

    fn entry(&mut self, boot_id: &str) -> &mut Known {
        let at = self.known.iter().rposition(|known| known.boot.name == boot_id).unwrap_or_else(|| {
            let order = self.known.last().map_or(1, |last| last.boot.order + 1);
            let boot = Boot { order, name: boot_id.to_owned(), clock: None };
            self.known.push(Known { boot, row: None, numbers: SeqRanges::new() });
            self.known.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or just pushed")]
        &mut self.known[at]
    }
}
