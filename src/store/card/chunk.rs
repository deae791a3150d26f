//! A part of the backlog, and the place where it ends.

use crate::sample::Sample;

/// A place in the backlog. The default is its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which opening of the database it belongs to: a place in another one is the beginning.
    pub(super) opening: u64,
    pub(super) block: i64,
    pub(super) sample: usize,
}

/// Some samples of the backlog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// The boot that all of them belong to.
    pub boot_id: String,
    /// Oldest first.
    pub samples: Vec<Sample>,
    /// Where to go on.
    pub next: Cursor,
}
