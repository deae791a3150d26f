//! State of charge by coulomb counting from a start by voltage, with an interval that says what is not known.
//!
//! The interval [low, high] carries the estimate: it starts as wide as the first seconds' voltage leaves it, on the
//! plateau of LFP that is most of the range, moves with the charge that flows, and widens with what counting cannot
//! know. The state of charge is 0 to 100 % of the pack's true capacity, which may differ from its label.

use std::time::Duration;

use super::ocv::{soc_range, voltage_range};
use super::{Chemistry, Pack};

/// How long the voltage is averaged before counting begins.
const START: Duration = Duration::from_secs(5);
/// Time constant of the average when there is no current to count, in s.
const VOLTAGE_ONLY_SECONDS: f64 = 60.0;
/// The current that may flow unseen when the sensor gives none, as a multiple of the capacity per hour.
const UNSEEN_C_RATE: f64 = 0.5;
/// What one counted percent can be in truth: a capacity of 78 to 105 % of the label, and a shunt and amplifier off
/// by 2 %.
const COUNTED: (f64, f64) = (0.93, 1.31);
/// Charge that a lead-acid battery keeps, at worst, of what it takes.
const LEAD_ACID_EFFICIENCY: f64 = 0.80;
/// What a sensor's offset can add or hide, in % of the capacity per hour: 100 µV at a shunt of 75 mV for 1 C.
const OFFSET_PERCENT_PER_HOUR: f64 = 0.15;
/// What can flow while nothing is measured, in % of the capacity per hour, unless more flowed before.
const GAP_PERCENT_PER_HOUR: f64 = 50.0;
/// How many times the resistance of a warm cell a cold one has.
const COLD: f64 = 3.8;
/// Nothing here is known better than this, in %.
const MIN_WIDTH: f64 = 5.0;
/// More than any battery can give, as a multiple of the capacity per hour: a fault of the reading.
const MAX_C_RATE: f64 = 50.0;

/// What is known of the state of charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// State of charge in %, 0 to 100, from `low` to `high`.
    pub soc: f64,
    /// It is not lower than this, in %.
    pub low: f64,
    /// It is not higher than this, in %.
    pub high: f64,
    /// Whether a full charge or discharge has fixed it since the start. Never yet: nothing here detects one.
    pub synced: bool,
}

/// The estimator of one pack. Knows no clock: time comes in with each reading.
#[derive(Debug, Clone)]
pub struct StateOfCharge {
    pack: Pack,
    phase: Phase,
    estimate: Estimate,
    /// The last current, as a multiple of the capacity per hour.
    c_rate: f64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Averages the voltage of a cell (V) over so many readings in so long a time.
    Starting {
        cell_volts: f64,
        readings: u32,
        elapsed: Duration,
    },
    Counting,
    /// Never had a current; a moving average of the voltage of a cell (V).
    VoltageOnly {
        cell_volts: f64,
    },
}

/// How far the voltage at the terminals can be from that of the cell at rest.
struct Polarisation {
    /// Without a current: hysteresis, recovery from an earlier load, the sensor's own error. V per cell.
    rest: f64,
    /// Due to a current of one capacity per hour, cold and aged cells included. V per cell.
    at_1_c: f64,
}

impl StateOfCharge {
    /// An estimator that knows nothing yet but the label.
    pub fn new(pack: Pack) -> Self {
        let estimate = Estimate { soc: 50.0, low: 0.0, high: 100.0, synced: false };
        let phase = Phase::Starting { cell_volts: 0.0, readings: 0, elapsed: Duration::ZERO };
        Self { pack, phase, estimate, c_rate: 0.0 }
    }

    /// Takes a reading: the pack's `voltage` in V, its `current` in A (positive while charging; `None` if the
    /// wiring gives no current), and the time since the last reading or gap. A reading that no battery of this
    /// label can give is a gap.
    pub fn update(&mut self, voltage: f64, current: Option<f64>, dt: Duration) -> Estimate {
        let Some(cell_volts) = self.plausible_cell_volts(voltage) else { return self.gap(dt) };
        let c_rate = match current.map(|amps| amps / self.pack.capacity_ah) {
            Some(c_rate) if c_rate.abs() <= MAX_C_RATE => Some(c_rate),
            Some(_) => return self.gap(dt),
            None => None,
        };
        match (self.phase, c_rate) {
            (Phase::Counting, None) => return self.gap(dt),
            (Phase::Counting, Some(c_rate)) => self.count(c_rate, dt),
            (Phase::Starting { cell_volts: mean, readings, elapsed }, Some(c_rate)) => {
                let readings = readings.saturating_add(1);
                let cell_volts = mean + (cell_volts - mean) / f64::from(readings);
                let elapsed = elapsed.saturating_add(dt);
                self.phase = if elapsed < START {
                    Phase::Starting { cell_volts, readings, elapsed }
                } else {
                    Phase::Counting
                };
                self.read_off(cell_volts, c_rate.min(0.0), c_rate.max(0.0));
            }
            (Phase::VoltageOnly { .. }, Some(c_rate)) => {
                self.phase = Phase::Counting;
                self.count(c_rate, dt);
            }
            (Phase::Starting { .. }, None) => self.follow_voltage(cell_volts, cell_volts, dt),
            (Phase::VoltageOnly { cell_volts: mean }, None) => self.follow_voltage(mean, cell_volts, dt),
        }
        self.c_rate = c_rate.unwrap_or(UNSEEN_C_RATE);
        self.estimate
    }

    /// Takes note that nothing was measured for `dt`: the interval widens, the middle stays.
    pub fn gap(&mut self, dt: Duration) -> Estimate {
        let rate = GAP_PERCENT_PER_HOUR.max(2.0 * self.c_rate.abs() * 100.0);
        let unseen = rate * hours(dt);
        self.set(self.estimate.soc, self.estimate.low - unseen, self.estimate.high + unseen);
        self.estimate
    }

    /// `None` for what is no voltage of this pack: half of an empty cell's, or 1.3 times a charging one's.
    fn plausible_cell_volts(&self, voltage: f64) -> Option<f64> {
        let cell_volts = voltage / f64::from(self.pack.cells_series);
        let (empty, _) = voltage_range(self.pack.chemistry);
        let limits = empty / 2.0..=self.pack.chemistry.max_cell_volts() * 1.3;
        limits.contains(&cell_volts).then_some(cell_volts)
    }

    fn count(&mut self, c_rate: f64, dt: Duration) {
        let percent = c_rate * 100.0 * hours(dt);
        let (least, most) = COUNTED;
        let (low, high) = if percent < 0.0 {
            (percent * most, percent * least)
        } else if self.pack.chemistry == Chemistry::LeadAcid {
            (percent * least * LEAD_ACID_EFFICIENCY, percent * most)
        } else {
            (percent * least, percent * most)
        };
        let offset = OFFSET_PERCENT_PER_HOUR * hours(dt);
        let Estimate { soc, low: from, high: to, .. } = self.estimate;
        self.set(soc + percent, from + low - offset, to + high + offset);
    }

    fn follow_voltage(&mut self, mean: f64, cell_volts: f64, dt: Duration) {
        let weight = 1.0 - (-dt.as_secs_f64() / VOLTAGE_ONLY_SECONDS).exp();
        let cell_volts = mean + (cell_volts - mean) * weight;
        self.phase = Phase::VoltageOnly { cell_volts };
        self.read_off(cell_volts, -UNSEEN_C_RATE, UNSEEN_C_RATE);
    }

    /// The interval from the voltage of a cell while a current between these flows. The estimate in it takes a warm
    /// cell, and for a current that is not known none.
    fn read_off(&mut self, cell_volts: f64, discharge_c_rate: f64, charge_c_rate: f64) {
        let chemistry = self.pack.chemistry;
        let Polarisation { rest, at_1_c } = polarisation(chemistry);
        let lowest = cell_volts - charge_c_rate * at_1_c - rest;
        let highest = cell_volts - discharge_c_rate * at_1_c + rest;
        let (low, high) = soc_range(chemistry, lowest, highest);
        let likely = cell_volts - at_1_c / COLD * (charge_c_rate + discharge_c_rate);
        let (least, most) = soc_range(chemistry, likely, likely);
        self.set(f64::midpoint(least, most), low, high);
    }

    fn set(&mut self, soc: f64, low: f64, high: f64) {
        let high = high.clamp(MIN_WIDTH, 100.0);
        let low = low.clamp(0.0, high - MIN_WIDTH);
        let high = high.max(low + MIN_WIDTH);
        self.estimate = Estimate { soc: soc.clamp(low, high), low, high, synced: false };
    }
}

fn polarisation(chemistry: Chemistry) -> Polarisation {
    match chemistry {
        Chemistry::Lfp => Polarisation { rest: 0.030, at_1_c: 0.30 },
        Chemistry::Nmc => Polarisation { rest: 0.060, at_1_c: 0.50 },
        Chemistry::LeadAcid => Polarisation { rest: 0.120, at_1_c: 0.60 },
    }
}

fn hours(time: Duration) -> f64 {
    time.as_secs_f64() / 3600.0
}

#[cfg(test)]
mod tests;
