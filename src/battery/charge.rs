//! What a chip has counted by itself: nothing that flowed between two readings is missed, nor in a gap, nor while the
//! daemon was restarted.

/// The count of a chip at a reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChargeCount {
    /// In steps; rolls over at 40 bits.
    pub steps: i64,
    /// One step in Ah, below 0 where the chip's positive current discharges.
    pub step_ah: f64,
    /// Whether the chip has begun to count anew since the last reading.
    pub restarted: bool,
    /// Whether the chip itself counts, also while nobody reads it; otherwise the count ends with the daemon.
    pub by_chip: bool,
}

/// Bits of the counter (INA228 datasheet SLYS021A, section 7.6.1.11).
const BITS: u32 = 40;

impl ChargeCount {
    /// Ah since an `earlier` count, if it is one of the same chip with the same shunt that has counted on since.
    pub(super) fn since(&self, earlier: &Self) -> Option<f64> {
        let same = (self.step_ah - earlier.step_ah).abs() <= 1e-6 * self.step_ah.abs();
        let steps = self.steps.wrapping_sub(earlier.steps);
        // The lower 40 bits with their sign.
        let steps = steps << (i64::BITS - BITS) >> (i64::BITS - BITS);
        (same && !self.restarted).then_some(steps as f64 * self.step_ah)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_goes_on_over_its_end_and_not_over_a_restart_or_another_shunt() {
        let count = |steps| ChargeCount { steps, step_ah: 1e-3, restarted: false, by_chip: true };
        assert_eq!(count(1500).since(&count(500)), Some(1.0));
        assert_eq!(count(-1_000).since(&count(1_000)), Some(-2.0));
        let last = (1 << 39) - 1;
        assert_eq!(count(-(1 << 39)).since(&count(last)), Some(1e-3));
        assert_eq!(ChargeCount { restarted: true, ..count(1500) }.since(&count(500)), None);
        assert_eq!(ChargeCount { step_ah: -1e-3, ..count(1500) }.since(&count(500)), None);
    }
}
