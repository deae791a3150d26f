//! What all mailboxes hold together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of events that may wait for all readers together before each is held to an equal share of them. A reader that
/// keeps up is within its share, so the slow ones pay; together they hold at most twice as much.
pub(super) const CROWDED: usize = 32 << 20;

/// What all mailboxes hold together.
#[derive(Default)]
pub(super) struct Held {
    bytes: AtomicUsize,
    /// Mailboxes that hold any.
    pub(super) holders: AtomicUsize,
}

impl Held {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a mailbox that holds `own` may take `more`.
    pub(super) fn has_room(&self, own: usize, more: usize) -> bool {
        let share = CROWDED / self.holders.load(Ordering::Relaxed).max(1);
        self.bytes() + more <= CROWDED || own + more <= share
    }

    pub(super) fn put(&self, own: usize, more: usize) {
        self.bytes.fetch_add(more, Ordering::Relaxed);
        if own == 0 {
            self.holders.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Of `own` bytes so many are gone.
    pub(super) fn take(&self, own: usize, less: usize) {
        self.bytes.fetch_sub(less, Ordering::Relaxed);
        if own > 0 && own == less {
            self.holders.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
