//! The rows of the room `fleet`: one for each device, with the change that it came with.
//!
//! A reader holds no rows, only how far it has read. Who keeps up gets the frames that are made once for all; who is
//! slow, or may see some devices only, gets frames of its own, one at a time, with the rows as they are by then. So a
//! reader that stops for a minute costs as much as one that does not, and then finds the latest row of each device.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use ems_protocol::{DeviceId, Timestamp};

use super::mailbox::Visible;
use crate::clock;
use crate::fleet::device::RowChange;
use crate::socket::Utf8Bytes;
use crate::sync::Locked;

/// A frame ends with the row that makes it larger than this, in bytes.
const FRAME: usize = 64 * 1024;
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

struct Entry {
    /// When it last changed.
    change: u64,
    /// JSON without the curve; empty for a device that was removed.
    body: String,
    spark: String,
    spark_change: u64,
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

impl Entry {
    fn empty() -> Self {
        Self { change: 0, body: String::new(), spark: String::new(), spark_change: 0 }
    }

    fn is_removed(&self) -> bool {
        self.body.is_empty()
    }
}

/// Frames in the making, each at most [`FRAME`] and one row long.
struct Frames {
    kind: &'static str,
    now: Timestamp,
    rows: String,
    removed: String,
    last: Option<bool>,
    done: Vec<Utf8Bytes>,
}

impl Frames {
    fn new(kind: &'static str, now: Timestamp) -> Self {
        Self { kind, now, rows: String::new(), removed: String::new(), last: None, done: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.rows.len() + self.removed.len() >= FRAME
    }

    /// What `entry` says to who has read all up to `since`.
    fn entry(&mut self, id: &DeviceId, entry: &Entry, since: u64) {
        if entry.change <= since && since > 0 {
            return;
        }
        if !entry.is_removed() {
            // Who knows nothing yet need not be told that there is no curve.
            self.add(entry, entry.spark_change > since && (since > 0 || !entry.spark.is_empty()));
        } else if since > 0 {
            self.add_removed(id);
        }
    }

    fn row(&mut self, entry: &Entry, with_spark: bool) {
        self.add(entry, with_spark);
        self.cut();
    }

    fn removed(&mut self, id: &DeviceId) {
        self.add_removed(id);
        self.cut();
    }

    fn is_final(&mut self, last: bool) {
        self.last = Some(last);
    }

    fn finish(mut self) -> Vec<Utf8Bytes> {
        if !self.rows.is_empty() || !self.removed.is_empty() || self.last.is_some() {
            self.close();
        }
        self.done
    }

    fn add(&mut self, entry: &Entry, with_spark: bool) {
        if !self.rows.is_empty() {
            self.rows.push(',');
        }
        match entry.body.strip_suffix('}') {
            Some(open) if with_spark => {
                let spark = if entry.spark.is_empty() { "null" } else { &entry.spark };
                // Writing to a String cannot fail.
                let _ = write!(self.rows, "{open},\"spark\":{spark}}}");
            }
            _ => self.rows.push_str(&entry.body),
        }
    }

    fn add_removed(&mut self, id: &DeviceId) {
        let comma = if self.removed.is_empty() { "" } else { "," };
        let _ = write!(self.removed, "{comma}\"{id}\"");
    }

    fn cut(&mut self) {
        if self.is_full() {
            self.close();
        }
    }

    fn close(&mut self) {
        let (kind, now, rows) = (self.kind, self.now, &self.rows);
        let tail = match self.last {
            Some(last) => format!("\"final\":{last}"),
            None => format!("\"removed\":[{}]", self.removed),
        };
        let text = format!(
            "{{\"type\":\"{kind}\",\"payload\":{{\"server_time\":\"{now}\",\"devices\":[{rows}],{tail}}}}}"
        );
        self.done.push(text.into());
        self.rows.clear();
        self.removed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn row(id: &str, n: usize, spark: Option<&str>) -> NewRow {
        let body = format!(r#"{{"device_id":"{id}","n":{n}}}"#);
        NewRow { id: id.parse().unwrap(), change: RowChange { body, spark: spark.map(str::to_owned) } }
    }

    fn publish(board: &Board, rows: Vec<NewRow>, removed: &[&str]) -> Option<Arc<Tick>> {
        let removed = removed.iter().map(|id| id.parse().unwrap()).collect();
        board.publish(rows, removed, Timestamp::from_millis(0))
    }

    /// All that a reader gets now, and how many frames it was.
    fn read(cursor: &mut Cursor, board: &Board, visible: &Visible) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(frame) = cursor.next(board, visible) {
            assert!(frame.len() < FRAME + 1000, "{}", frame.len());
            all.push(serde_json::from_str(&frame).unwrap());
        }
        all
    }

    #[test]
    fn a_reader_gets_all_rows_and_then_those_that_change_with_their_curve_when_it_is_new() {
        let board = Board::default();
        let mut cursor = Cursor::default();
        let empty = read(&mut cursor, &board, &None);
        assert_eq!(
            (empty.len(), &empty[0]["type"], &empty[0]["payload"]["final"]),
            (1, &"fleet.snapshot".into(), &true.into())
        );
        let tick = publish(&board, vec![row("a", 1, Some("[1]")), row("b", 1, None)], &[]).unwrap();
        cursor.changed(&tick, true);
        let got = read(&mut cursor, &board, &None);
        assert_eq!(
            got[0]["payload"]["devices"].to_string(),
            r#"[{"device_id":"a","n":1,"spark":[1]},{"device_id":"b","n":1}]"#
        );
        assert!(publish(&board, vec![row("a", 1, Some("[1]"))], &[]).is_none(), "nothing has changed");
        let tick = publish(&board, vec![row("a", 2, None)], &["b"]).unwrap();
        cursor.changed(&tick, true);
        let got = read(&mut cursor, &board, &None);
        assert_eq!(got[0]["payload"]["devices"].to_string(), r#"[{"device_id":"a","n":2}]"#);
        assert_eq!(got[0]["payload"]["removed"].to_string(), r#"["b"]"#);
        // Who comes now finds what is there, with its curve.
        let got = read(&mut Cursor::default(), &board, &None);
        assert_eq!(got[0]["payload"]["devices"].to_string(), r#"[{"device_id":"a","n":2,"spark":[1]}]"#);
    }

    #[test]
    fn a_curve_that_has_become_empty_is_told_to_those_who_have_the_old_one() {
        let board = Board::default();
        let (mut quick, mut slow) = (Cursor::default(), Cursor::default());
        publish(&board, vec![row("a", 1, Some("[1]")), row("b", 1, Some(""))], &[]);
        read(&mut quick, &board, &None);
        read(&mut slow, &board, &None);
        let tick = publish(&board, vec![row("a", 2, Some("")), row("b", 2, Some(""))], &[]).unwrap();
        quick.changed(&tick, true);
        let told = r#"[{"device_id":"a","n":2,"spark":null},{"device_id":"b","n":2}]"#;
        for reader in [&mut quick, &mut slow] {
            assert_eq!(read(reader, &board, &None)[0]["payload"]["devices"].to_string(), told);
        }
        let new = read(&mut Cursor::default(), &board, &None);
        assert_eq!(
            new[0]["payload"]["devices"].to_string(),
            r#"[{"device_id":"a","n":2},{"device_id":"b","n":2}]"#
        );
    }

    #[test]
    fn those_who_keep_up_share_the_frames_and_a_slow_one_finds_the_latest_row_of_each() {
        let board = Board::default();
        let all = |n: usize| (0..1000).map(|d| row(&format!("d{d:03}"), n, None)).collect::<Vec<_>>();
        let mut readers = [Cursor::default(), Cursor::default(), Cursor::default()];
        for reader in &mut readers {
            read(reader, &board, &None);
        }
        let [first, second, slow] = &mut readers;
        for n in 0..20 {
            let tick = publish(&board, all(n), &[]).unwrap();
            for reader in [&mut *first, &mut *second, &mut *slow] {
                reader.changed(&tick, true);
            }
            if n == 0 {
                // It takes one frame and then stops reading.
                slow.next(&board, &None).unwrap();
            }
            let one = first.next(&board, &None).unwrap();
            let other = second.next(&board, &None).unwrap();
            assert_eq!(one.as_ptr(), other.as_ptr(), "made once");
            read(first, &board, &None);
            read(second, &board, &None);
        }
        let mut latest = std::collections::BTreeMap::new();
        for frame in read(slow, &board, &None) {
            assert_eq!(frame["type"], "fleet.update");
            for row in frame["payload"]["devices"].as_array().unwrap() {
                assert!(latest.insert(row["device_id"].to_string(), row["n"].clone()).is_none(), "each once");
            }
        }
        assert!(latest.len() == 1000 && latest.values().all(|n| *n == 19));
    }

    #[test]
    fn a_reader_of_some_devices_gets_theirs_and_one_that_was_away_too_long_gets_all_anew() {
        let board = Board::default();
        let visible: Visible = Some(Arc::new(["b", "x"].iter().map(|id| id.parse().unwrap()).collect()));
        publish(&board, vec![row("a", 1, None), row("b", 1, None), row("c", 1, None)], &[]);
        let mut cursor = Cursor::default();
        let got = read(&mut cursor, &board, &visible);
        assert_eq!(got[0]["payload"]["devices"].to_string(), r#"[{"device_id":"b","n":1}]"#);
        let tick = publish(&board, vec![row("a", 2, None)], &["c"]).unwrap();
        cursor.changed(&tick, false);
        assert!(read(&mut cursor, &board, &visible).is_empty(), "nothing of its own");
        let mut away = Cursor::default();
        read(&mut away, &board, &None);
        for n in 0..1200 {
            publish(&board, vec![row("b", n, None)], &[]);
        }
        let got = read(&mut away, &board, &None);
        assert_eq!(got[0]["type"], "fleet.snapshot", "the removal of c is not known any more");
    }
}
