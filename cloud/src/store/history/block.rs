//! The samples of one hour, packed: column by column, so that a plot unpacks what it draws.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::bytes::{Damaged, Packer, Reader, Unpacker, put_unsigned};
use super::column::Column;
use crate::store::samples::row::{AT, BOOT, COLUMN_COUNT, Cells, KINDS, RECEIVED_AT};

const VERSION: u8 = 1;

/// Samples by columns, in the order of time; of the same time, in that of arrival.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// How many samples.
    pub len: usize,
    /// None of a column that was not asked for.
    columns: Vec<Option<Column>>,
}

impl Default for Block {
    fn default() -> Self {
        Self { len: 0, columns: KINDS.into_iter().map(|kind| Some(Column::new(kind))).collect() }
    }
}

impl Block {
    /// Adds a sample after all others.
    pub fn push(&mut self, sample: &impl Cells) -> rusqlite::Result<()> {
        for (place, column) in self.columns.iter_mut().enumerate() {
            if let Some(column) = column {
                column.push(sample.cell(place)?);
            }
        }
        self.len += 1;
        Ok(())
    }

    /// A column.
    pub fn column(&self, place: usize) -> Option<&Column> {
        self.columns.get(place)?.as_ref()
    }

    /// The place of a sample on the time axis, ms since 1970.
    pub fn at(&self, sample: usize) -> i64 {
        self.whole(AT, sample)
    }

    /// A number that every sample has.
    fn whole(&self, column: usize, sample: usize) -> i64 {
        match self.column(column) {
            Some(Column::Ints(values)) => values.get(sample).copied().flatten().unwrap_or_default(),
            _ => 0,
        }
    }

    /// One of its samples, without the name of its boot.
    pub fn sample(&self, place: usize) -> PackedSample<'_> {
        PackedSample { block: self, boots: None, place }
    }

    /// Both in the order of time; of the same time, those of this block first.
    pub fn merge(&self, later: &Self) -> rusqlite::Result<Self> {
        let mut merged = Self::default();
        let (mut mine, mut others) = (0, 0);
        while mine < self.len || others < later.len {
            if others == later.len || (mine < self.len && self.at(mine) <= later.at(others)) {
                merged.push(&self.sample(mine))?;
                mine += 1;
            } else {
                merged.push(&later.sample(others))?;
                others += 1;
            }
        }
        Ok(merged)
    }

    /// How long its texts are together, each counted once in its column.
    pub fn text_bytes(&self) -> usize {
        self.columns.iter().flatten().map(Column::text_bytes).sum()
    }

    /// When the sample arrived that came first, ms since 1970.
    pub fn oldest(&self) -> i64 {
        (0..self.len).map(|sample| self.whole(RECEIVED_AT, sample)).min().unwrap_or_default()
    }

    /// When the sample arrived that came last, ms since 1970.
    pub fn newest(&self) -> i64 {
        (0..self.len).map(|sample| self.whole(RECEIVED_AT, sample)).max().unwrap_or_default()
    }

    /// As it is stored.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_unsigned(&mut out, self.len as u64);
        put_unsigned(&mut out, self.columns.len() as u64);
        let mut packer = Packer::default();
        for (place, column) in self.columns.iter().enumerate() {
            if place == RECEIVED_AT {
                self.delays().write(&mut out, Some(&mut packer));
            } else if let Some(column) = column {
                column.write(&mut out, Some(&mut packer));
            }
        }
        out
    }

    /// A sample arrives soon after it was taken: the time between is shorter than either.
    fn delays(&self) -> Column {
        let delay = |sample| Some(self.whole(RECEIVED_AT, sample).wrapping_sub(self.at(sample)));
        Column::Ints((0..self.len).map(delay).collect())
    }

    /// From what was stored, the columns that are `wanted`; `AT` is always.
    pub fn unpack(bytes: &[u8], wanted: impl Fn(usize) -> bool) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return Err(Damaged("a block of a later version"));
        }
        let (len, count) = (reader.count()?, reader.count()?);
        let mut unpacker = Unpacker::default();
        let mut columns = Vec::with_capacity(COLUMN_COUNT);
        // A block from before a column was added has none of it.
        for (place, kind) in KINDS.into_iter().enumerate() {
            let wanted = place == AT || wanted(place);
            columns.push(if place < count {
                Column::read(&mut reader, kind, len, wanted, &mut unpacker)?
            } else {
                wanted.then(|| Column::missing(kind, len))
            });
        }
        let mut block = Self { len, columns };
        block.restore_arrivals();
        Ok(block)
    }

    fn restore_arrivals(&mut self) {
        let at: Vec<i64> = (0..self.len).map(|sample| self.at(sample)).collect();
        if let Some(Some(Column::Ints(delays))) = self.columns.get_mut(RECEIVED_AT) {
            for (delay, at) in delays.iter_mut().zip(at) {
                *delay = delay.map(|delay| at.wrapping_add(delay));
            }
        }
    }

    /// The whole, with the names of its boots.
    pub fn unpack_whole(db: &Connection, bytes: &[u8]) -> rusqlite::Result<Whole> {
        let block = Self::unpack(bytes, |_| true)?;
        let mut boots = HashMap::new();
        if let Some(Column::Ints(keys)) = block.column(BOOT) {
            let mut find = db.prepare_cached("SELECT boot_id FROM boots WHERE key = ?")?;
            for key in keys.iter().flatten() {
                if !boots.contains_key(key) {
                    let boot = find.query_row([key], |row| row.get(0)).optional()?;
                    boots.insert(*key, boot.ok_or(Damaged("a boot is not known"))?);
                }
            }
        }
        Ok(Whole { block, boots })
    }
}

/// A block with all its columns, and the names of its boots.
pub struct Whole {
    /// The samples.
    pub block: Block,
    boots: HashMap<i64, String>,
}

impl Whole {
    /// One of its samples.
    pub fn sample(&self, place: usize) -> PackedSample<'_> {
        PackedSample { block: &self.block, boots: Some(&self.boots), place }
    }
}

/// A sample in a block, to be read like a row.
#[derive(Clone, Copy)]
pub struct PackedSample<'a> {
    block: &'a Block,
    boots: Option<&'a HashMap<i64, String>>,
    place: usize,
}

impl Cells for PackedSample<'_> {
    fn cell(&self, column: usize) -> rusqlite::Result<ValueRef<'_>> {
        if column < COLUMN_COUNT {
            return Ok(self.block.column(column).map_or(ValueRef::Null, |column| column.value(self.place)));
        }
        let boot = match self.cell(BOOT)? {
            ValueRef::Integer(key) => self.boots.and_then(|boots| boots.get(&key)),
            _ => None,
        };
        Ok(boot.map_or(ValueRef::Null, |name| ValueRef::Text(name.as_bytes())))
    }
}

impl Cells for Row<'_> {
    fn cell(&self, column: usize) -> rusqlite::Result<ValueRef<'_>> {
        self.get_ref(column)
    }
}
