//! How much is kept, and what goes for it.

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What the database may take on the card, in bytes. Its log comes on top: half a MiB.
    pub max_bytes: u64,
    /// How much time the samples may cover, in hours of sampling: the clock on the wall has no say.
    pub max_hours: u64,
}

/// Samples that went to make room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Because of [`Limits::max_bytes`].
    pub by_bytes: u64,
    /// Because of [`Limits::max_hours`].
    pub by_hours: u64,
}

impl Limits {
    pub(super) const NONE: Self = Self { max_bytes: u64::MAX, max_hours: u64::MAX };

    pub(super) fn max_span_ms(self) -> u64 {
        self.max_hours.saturating_mul(3_600_000)
    }
}

impl Dropped {
    /// Samples that went, for whichever reason.
    pub fn samples(self) -> u64 {
        self.by_bytes + self.by_hours
    }
}
