//! What has gone through the battery: energy, charge, cycles.

/// Totals since the installation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Meter {
    /// Energy charged, in kWh.
    pub energy_in: f64,
    /// Energy discharged, in kWh.
    pub energy_out: f64,
    /// Charge taken out, in Ah.
    pub discharged_ah: f64,
}

/// More than any meter counts.
const MOST: f64 = 1e12;

impl Meter {
    /// Counts `watts` and `amps`, positive while charging, over `hours`.
    pub(super) fn count(&mut self, watts: f64, amps: f64, hours: f64) {
        let kwh = watts * hours / 1000.0;
        self.energy_in = (self.energy_in + kwh.max(0.0)).min(MOST);
        self.energy_out = (self.energy_out + (-kwh).max(0.0)).min(MOST);
        self.discharged_ah = (self.discharged_ah + (-amps * hours).max(0.0)).min(MOST);
    }

    /// Equivalent full cycles of a battery of this capacity.
    pub fn cycles(&self, capacity_ah: f64) -> f64 {
        self.discharged_ah / capacity_ah
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_counted_apart() {
        let mut meter = Meter::default();
        meter.count(500.0, 10.0, 2.0);
        meter.count(-250.0, -5.0, 2.0);
        assert!((meter.energy_in - 1.0).abs() < 1e-12 && (meter.energy_out - 0.5).abs() < 1e-12);
        assert!((meter.cycles(100.0) - 0.1).abs() < 1e-12);
    }
}
