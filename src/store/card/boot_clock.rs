//! What the wall clock of a boot was worth.

use ems_protocol::{ClockQuality, Timestamp};

use crate::clock::{BootTime, Clock};

/// What the wall clock of a boot was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootClock {
    /// Wall time minus boot time, in ms.
    pub offset_ms: i64,
    /// How it is known.
    pub quality: ClockQuality,
}

impl BootClock {
    /// What the clock of the present boot is worth now.
    pub fn of(clock: &Clock) -> Self {
        let (boot, quality) = clock.label(BootTime(0));
        Self { offset_ms: boot.millis(), quality }
    }

    /// The wall-clock label of a moment of that boot.
    pub fn label(self, at: BootTime) -> (Timestamp, ClockQuality) {
        let at = i64::try_from(at.0).unwrap_or(i64::MAX);
        (Timestamp::from_millis(self.offset_ms.saturating_add(at)), self.quality)
    }
}
