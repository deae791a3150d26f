//! The rows as frames.

use std::fmt::Write;

use ems_protocol::{DeviceId, Timestamp};

use crate::socket::Utf8Bytes;

/// A frame ends with the row that makes it larger than this, in bytes.
pub(super) const FRAME: usize = 64 * 1024;

/// A row, and when it changed.
pub(super) struct Entry {
    /// When it last changed.
    pub(super) change: u64,
    /// JSON without the curve; empty for a device that was removed.
    pub(super) body: String,
    pub(super) spark: String,
    pub(super) spark_change: u64,
}

impl Entry {
    pub(super) fn empty() -> Self {
        Self { change: 0, body: String::new(), spark: String::new(), spark_change: 0 }
    }

    pub(super) fn is_removed(&self) -> bool {
        self.body.is_empty()
    }
}

/// Frames in the making, each at most [`FRAME`] and one row long.
pub(super) struct Frames {
    kind: &'static str,
    now: Timestamp,
    rows: String,
    removed: String,
    last: Option<bool>,
    done: Vec<Utf8Bytes>,
}

impl Frames {
    pub(super) fn new(kind: &'static str, now: Timestamp) -> Self {
        Self { kind, now, rows: String::new(), removed: String::new(), last: None, done: Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() + self.removed.len() >= FRAME
    }

    /// What `entry` says to who has read all up to `since`.
    pub(super) fn entry(&mut self, id: &DeviceId, entry: &Entry, since: u64) {
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

    pub(super) fn row(&mut self, entry: &Entry, with_spark: bool) {
        self.add(entry, with_spark);
        self.cut();
    }

    pub(super) fn removed(&mut self, id: &DeviceId) {
        self.add_removed(id);
        self.cut();
    }

    pub(super) fn is_final(&mut self, last: bool) {
        self.last = Some(last);
    }

    pub(super) fn finish(mut self) -> Vec<Utf8Bytes> {
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
