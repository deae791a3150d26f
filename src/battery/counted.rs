//! What the chip had counted at the last reading that was used.

use super::ChargeCount;

/// Up to where the chip's count is in what is known of the battery.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counted {
    /// At the last reading that is in the totals, if anything counts.
    in_totals: Option<ChargeCount>,
    /// And at the last that is in the state of charge: another one while that goes on from what was kept and the totals
    /// do not.
    in_soc: Option<ChargeCount>,
    /// How often it has begun to count anew since this battery is watched: once, and no saved count is one of its.
    restarts: u32,
}

impl Counted {
    /// Ah since the last reading that was used, as they were counted: for the state of charge and for the totals. What
    /// flowed up to one that is not used is left for the next; only a restart is noted at once, for it is told once.
    pub(super) fn flowed(&mut self, count: Option<ChargeCount>, is_used: bool) -> (Option<f64>, Option<f64>) {
        let restarted = count.is_some_and(|count| count.restarted);
        if !is_used && !restarted {
            return (None, None);
        }
        self.restarts = self.restarts.saturating_add(restarted.into());
        let since = |earlier: &mut Option<ChargeCount>| {
            let earlier = std::mem::replace(earlier, count);
            count?.since(&earlier?)
        };
        (since(&mut self.in_soc), since(&mut self.in_totals))
    }

    /// Takes note that the chip has lost its count.
    pub(super) fn lose(&mut self) {
        (self.in_totals, self.in_soc) = (None, None);
        self.restarts = self.restarts.saturating_add(1);
    }

    /// Another number after each restart of a count that outlives the daemon.
    pub(super) fn epoch(&self) -> Option<u32> {
        self.in_soc.filter(|count| count.by_chip).map(|_| self.restarts)
    }

    pub(super) fn in_soc(&self) -> Option<ChargeCount> {
        self.in_soc
    }

    /// Takes up a saved count: for the totals only the first time.
    pub(super) fn restore(&mut self, count: Option<ChargeCount>, is_first: bool) {
        self.in_soc = count.filter(|_| self.restarts == 0);
        if is_first {
            self.in_totals = self.in_soc;
        }
    }
}
