//! The rows of the room `fleet`: one for each device, with the change that it came with.
//!
//! A reader holds no rows, only how far it has read. Who keeps up gets the frames that are made once for all; who is
//! slow, or may see some devices only, gets frames of its own, one at a time, with the rows as they are by then. So a
//! reader that stops for a minute costs as much as one that does not, and then finds the latest row of each device.

mod frames;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use ems_protocol::{DeviceId, Timestamp};

use super::mailbox::Visible;
use crate::clock;
use crate::fleet::device::RowChange;
use crate::socket::Utf8Bytes;
use crate::sync::Locked;
use frames::{Entry, Frames};

/// The change at which a device was removed is remembered for as many changes: ten minutes.
const REMEMBERED: u64 = 600;

/// All rows.
#[derive(Default)]
pub struct Board(Mutex<Rows>);

struct Rows {
    /// The number of the last change.
    change: u64,
    /// Removals up to this change are forgotten.
    forgotten: u64,
    by_id: BTreeMap<DeviceId, Entry>,
}

/// A row that is new.
pub struct NewRow {
    /// Whose.
    pub id: DeviceId,
    /// What it says.
    pub change: RowChange,
}

/// One change, as the frames for all who have read everything before it.
pub struct Tick {
    change: u64,
    frames: Vec<Utf8Bytes>,
}

/// How far a reader has read.
#[derive(Default)]
pub struct Cursor {
    /// All changes up to this one were sent.
    through: u64,
    /// Frames of the change after it, and how many of them were sent.
    shared: Option<(Arc<Tick>, usize)>,
    /// Frames of its own.
    pass: Option<Pass>,
}

/// Once through all rows.
struct Pass {
    /// Rows that have changed after this; 0 for all, as a snapshot.
    since: u64,
    /// The change at its start: all up to it were sent when it ends.
    through: u64,
    after: Option<DeviceId>,
}

impl Board {
    /// Takes what has changed; nothing if nothing has.
    pub fn publish(&self, new: Vec<NewRow>, removed: Vec<DeviceId>, now: Timestamp) -> Option<Arc<Tick>> {
        if new.is_empty() && removed.is_empty() {
            return None;
        }
        let mut rows = self.0.locked();
        let rows = &mut *rows;
        let change = rows.change + 1;
        let mut frames = Frames::new("fleet.update", now);
        for NewRow { id, change: RowChange { body, spark } } in new {
            let entry = rows.by_id.entry(id).or_insert_with(Entry::empty);
            let curve_is_news = spark.as_ref().is_some_and(|spark| *spark != entry.spark);
            if !curve_is_news && entry.body == body {
                continue;
            }
            entry.change = change;
            entry.body = body;
            if curve_is_news {
                entry.spark_change = change;
                entry.spark = spark.unwrap_or_default();
            }
            frames.row(entry, curve_is_news);
        }
        for id in removed {
            frames.removed(&id);
            rows.by_id.insert(id, Entry { change, ..Entry::empty() });
        }
        let frames = frames.finish();
        if frames.is_empty() {
            return None;
        }
        rows.change = change;
        if change.is_multiple_of(REMEMBERED) {
            rows.forget(change - REMEMBERED);
        }
        Some(Arc::new(Tick { change, frames }))
    }
}

impl Default for Rows {
    fn default() -> Self {
        // Nobody has read anything before the first change.
        Self { change: 1, forgotten: 0, by_id: BTreeMap::new() }
    }
}

impl Cursor {
    /// There is a change. Who has not read everything before it goes on by itself; `all` is whether it may see all
    /// devices.
    pub fn changed(&mut self, tick: &Arc<Tick>, all: bool) {
        if self.shared.take().is_some() {
            // It is slow: the frames are not kept for it.
            self.pass = Some(Pass { since: self.through, through: self.through, after: None });
        } else if all && self.pass.is_none() && self.through + 1 == tick.change {
            self.shared = Some((tick.clone(), 0));
        }
    }

    /// The next frame to send.
    pub fn next(&mut self, board: &Board, visible: &Visible) -> Option<Utf8Bytes> {
        if let Some((tick, sent)) = &mut self.shared {
            let frame = tick.frames.get(*sent).cloned();
            *sent += 1;
            if *sent >= tick.frames.len() {
                self.through = tick.change;
                self.shared = None;
            }
            return frame;
        }
        let rows = board.0.locked();
        if self.pass.is_none() && self.through >= rows.change {
            return None;
        }
        let start = self.through;
        let pass = self.pass.get_or_insert_with(|| Pass { since: start, through: rows.change, after: None });
        if pass.after.is_none() {
            pass.through = rows.change;
            if pass.since < rows.forgotten {
                pass.since = 0;
            }
        }
        let (frame, last) = rows.frame(pass, visible);
        if last.is_some() {
            pass.after = last;
        } else {
            self.through = pass.through;
            self.pass = None;
        }
        frame
    }

    /// Whether there is more without a further change. What has changed during a pass is news after it.
    pub fn has_more(&self, board: &Board) -> bool {
        self.shared.is_some() || self.pass.is_some() || self.through < board.0.locked().change
    }
}

impl Rows {
    /// The next frame of a pass, if there is something in it, and the row where it ends, unless it is the last one.
    fn frame(&self, pass: &Pass, visible: &Visible) -> (Option<Utf8Bytes>, Option<DeviceId>) {
        let snapshot = pass.since == 0;
        let kind = if snapshot { "fleet.snapshot" } else { "fleet.update" };
        let mut frames = Frames::new(kind, clock::now());
        let from = pass.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        match visible {
            None => {
                for (id, entry) in self.by_id.range::<DeviceId, _>((from, Bound::Unbounded)) {
                    if frames.is_full() {
                        break;
                    }
                    frames.entry(id, entry, pass.since);
                    last = Some(id);
                }
            }
            Some(visible) => {
                for id in visible.range::<DeviceId, _>((from, Bound::Unbounded)) {
                    if frames.is_full() {
                        break;
                    }
                    if let Some(entry) = self.by_id.get(id) {
                        frames.entry(id, entry, pass.since);
                    }
                    last = Some(id);
                }
            }
        }
        let more = frames.is_full();
        if snapshot {
            frames.is_final(!more);
        }
        (frames.finish().pop(), last.filter(|_| more).cloned())
    }

    fn forget(&mut self, through: u64) {
        self.by_id.retain(|_, entry| !entry.is_removed() || entry.change > through);
        self.forgotten = through;
    }
}
