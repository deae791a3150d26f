//! How far the card's backlog has been sent over this connection.

use ems_protocol::SeqRanges;

use super::card::{BootClock, Chunk, Cursor};
use crate::sample::Sample;

/// The samples of one boot that go out together, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The boot that they belong to.
    pub boot_id: String,
    /// What was known of that boot's clock; `None` for the present boot, whose clock is asked when they are sent.
    pub clock: Option<BootClock>,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// Where the samples of a batch are kept until they are confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Card,
    Memory,
}

/// One batch at a time is on its way; the one after it is fetched from the card meanwhile.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// Answers to what an earlier connection asked are passed over.
    epoch: u64,
    asked: bool,
    at_end: bool,
    after: Cursor,
    next: Option<Batch>,
    in_flight: Option<InFlight>,
}

/// A batch that waits for its confirmation.
#[derive(Debug)]
struct InFlight {
    boot_id: String,
    place: Place,
    numbers: Vec<u64>,
}

impl Drain {
    /// A connection begins: nothing has been sent over it.
    pub(super) fn begin(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::default() };
    }

    /// Whether a batch waits for its confirmation.
    pub(super) fn is_waiting(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether everything on the card has been sent.
    pub(super) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// What is to be asked of the card now: under which epoch and from where on.
    pub(super) fn wish(&self) -> Option<(u64, Cursor)> {
        (!self.asked && self.next.is_none()).then_some((self.epoch, self.after))
    }

    /// Whether the card took the question.
    pub(super) fn asked(&mut self, taken: bool) {
        self.asked = taken;
    }

    /// The card's answer. A batch of the boot `present` carries no clock: the present one is asked.
    pub(super) fn given(&mut self, epoch: u64, chunk: Option<(Chunk, Option<BootClock>)>, present: &str) {
        if epoch != self.epoch {
            return;
        }
        self.asked = false;
        let Some((chunk, clock)) = chunk else {
            self.at_end = true;
            return;
        };
        self.after = chunk.next;
        let clock = clock.filter(|_| chunk.boot_id != present);
        self.next = Some(Batch { boot_id: chunk.boot_id, clock, samples: chunk.samples });
    }

    /// There is more on the card than there was.
    pub(super) fn more(&mut self) {
        self.at_end = false;
    }

    /// The batch that came from the card, if it is there.
    pub(super) fn take_next(&mut self) -> Option<Batch> {
        self.next.take()
    }

    /// The batch goes out.
    pub(super) fn sent(&mut self, batch: &Batch, place: Place) {
        let numbers = batch.samples.iter().map(|sample| sample.seq).collect();
        self.in_flight = Some(InFlight { boot_id: batch.boot_id.clone(), place, numbers });
    }

    /// The batch on its way: its boot and the numbers not confirmed yet.
    pub(super) fn in_flight(&self) -> Option<(String, SeqRanges)> {
        self.in_flight.as_ref().map(|batch| (batch.boot_id.clone(), batch.numbers.iter().copied().collect()))
    }

    /// The server has these of a boot; gives those of them that the card may forget.
    pub(super) fn confirm(&mut self, boot_id: &str, numbers: &SeqRanges) -> SeqRanges {
        let Some(batch) = self.in_flight.as_mut().filter(|batch| batch.boot_id == boot_id) else {
            return SeqRanges::default();
        };
        let (confirmed, left): (Vec<u64>, Vec<u64>) =
            std::mem::take(&mut batch.numbers).into_iter().partition(|&number| numbers.contains(number));
        let place = batch.place;
        if left.is_empty() {
            self.in_flight = None;
        } else {
            batch.numbers = left;
        }
        match place {
            Place::Card => confirmed.into_iter().collect(),
            Place::Memory => SeqRanges::default(),
        }
    }
}
