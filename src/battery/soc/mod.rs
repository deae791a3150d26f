//! State of charge: coulomb counting, bounded by the voltage, with an interval that says what is not known.
//!
//! The measured current is counted with the measured time. What counting cannot know (true capacity, the sensor's
//! offset and gain, the curve of the cell) is carried along as a bank of hypotheses (`bank/`); the voltage bounds
//! it (`bands.rs`), a full or empty battery ties it down (`sync.rs`). The state of charge is 0 to 100 % of the pack's
//! true capacity, which may differ from its label. `docs/soc.md` has the method and its limits.

mod counting;
mod look;
mod unseen;

use std::time::Duration;

use super::bank::{Axes, Bank, Summary};
use super::gap::Gap;
use super::hypothesis::Hypothesis;
use super::per_curve::PerCurve;
use super::polarisation::Polarisation;
use super::sync::Watch;
use super::voltage_only::plausible_cell_volts;
use super::{Chemistry, Estimate, Setup};

/// A longer time between two readings is a gap, unless they come that seldom.
const GAP_SECONDS: f64 = 10.0;
const GAP_INTERVALS: f64 = 3.0;
/// The hypotheses are looked at after so long, in s, or after so much charge, in %.
const LOOK_SECONDS: f64 = 10.0;
const LOOK_PERCENT: f64 = 0.05;
/// A charger shows within this time what it gives, and that is forgotten in this, in s.
const CHARGING_SECONDS: f64 = 150.0;
const CHARGER_SECONDS: f64 = 10.0 * 86_400.0;
/// What nothing accounts for (drift of the sensor, self-discharge), in % per hour.
const DRIFT_PERCENT_PER_HOUR: f64 = 0.02;
/// A state of charge from elsewhere is believed within so many %.
const GIVEN_WITHIN: f64 = 2.3;
/// The narrowest interval that is stated, in % to either side.
const NARROWEST: f64 = 1.0;
/// What a lead-acid battery may have been counted beyond full, in %.
const OVERCHARGE_PERCENT: f64 = 1.0;

/// The estimator of one pack. Knows no clock: time comes in with each reading.
#[derive(Debug, Clone)]
pub struct StateOfCharge {
    pub(super) setup: Setup,
    pub(super) bank: Bank,
    pub(super) polarisation: Polarisation,
    pub(super) watch: Watch,
    summary: Summary,
    /// Counted since the hypotheses were looked at: %, h, and % of gas.
    pending: (f64, f64, f64),
    /// Time without a reading, in s.
    pub(super) unseen: f64,
    last_c_rate: Option<f64>,
    /// The last gap, while what follows may tell more of it.
    gap: Option<Gap>,
    /// The usual size of the current.
    pub(super) usual: f64,
    /// The most that has flowed in for minutes.
    pub(super) charger: f64,
    /// And out.
    pub(super) load: f64,
    pub(super) synced: bool,
    /// Hours, and % of the label moved, since then.
    pub(super) since_sync: (f64, f64),
    pub(super) since_refined: f64,
    syncs: u32,
}

impl StateOfCharge {
    /// An estimator that knows nothing yet but what it is told.
    pub fn new(setup: Setup) -> Self {
        let offset = setup.errors.offset_amps / setup.pack.capacity_ah * 100.0;
        let bank = Bank::new(&Axes::new(setup.pack.chemistry, offset, setup.errors.current_gain));
        let summary = bank.summary();
        Self {
            setup,
            bank,
            polarisation: Polarisation::new(),
            watch: Watch::default(),
            summary,
            pending: (0.0, 0.0, 0.0),
            unseen: 0.0,
            last_c_rate: None,
            gap: None,
            usual: 0.05,
            charger: 0.0,
            load: 0.0,
            synced: false,
            since_sync: (0.0, 0.0),
            since_refined: 0.0,
            syncs: 0,
        }
    }

    /// Takes a state of charge in % from elsewhere, as a start.
    pub fn start_at(&mut self, soc: f64) {
        let soc = soc.clamp(0.0, 100.0);
        self.gap = None;
        self.bank.set(soc, soc - GIVEN_WITHIN, soc + GIVEN_WITHIN, GIVEN_WITHIN / 2.0);
        self.confine();
        self.summary = self.bank.summary();
    }

    /// Takes a reading: the pack's `voltage` in V, its `current` in A (positive while charging), and the time since
    /// the last reading or gap. A reading that no battery of this label can give is a gap.
    pub fn update(&mut self, voltage: f64, current: f64, dt: Duration) -> Estimate {
        self.update_counted(voltage, current, None, dt)
    }

    /// As [`Self::update`], with the charge in Ah that the chip has counted since the last reading: it misses nothing,
    /// whatever the current was in between or in a gap.
    pub fn update_counted(
        &mut self,
        voltage: f64,
        current: f64,
        flowed: Option<f64>,
        dt: Duration,
    ) -> Estimate {
        let c_rate = (current - self.setup.standby_amps) / self.setup.pack.capacity_ah;
        let cell_volts = match plausible_cell_volts(&self.setup.pack, voltage) {
            Some(volts) if self.setup.pack.can_give(current) => volts,
            _ => return self.gap(dt),
        };
        let seconds = dt.as_secs_f64();
        let longest = GAP_SECONDS.max(GAP_INTERVALS * self.setup.interval_seconds);
        let gap = self.unseen > 0.0 || seconds > longest;
        let flowed = flowed.and_then(|ah| self.believed(ah, self.unseen + seconds));
        match (flowed, gap) {
            (Some(percent), _) => self.count(cell_volts, percent, c_rate, self.unseen + seconds),
            (None, true) => self.bridge(c_rate, self.unseen + seconds),
            (None, false) => {
                let mean = f64::midpoint(self.last_c_rate.unwrap_or(c_rate), c_rate);
                self.count(cell_volts, mean * seconds / 36.0, c_rate, seconds);
            }
        }
        if gap {
            self.polarisation.gap();
        } else {
            self.judge_gap(c_rate, seconds);
        }
        self.unseen = 0.0;
        self.last_c_rate = Some(c_rate);
        let chemistry = self.setup.pack.chemistry;
        let seconds = seconds.min(longest);
        self.polarisation.update(chemistry, cell_volts, c_rate, seconds);
        if self.polarisation.settled > CHARGING_SECONDS {
            let (kept, [flowing, _]) = (1.0 - seconds / CHARGER_SECONDS, self.polarisation.lag);
            self.charger = (self.charger * kept).max(flowing);
            self.load = (self.load * kept).max(-flowing);
        }
        let ends = (self.setup.full_cell_volts, self.cell_error(voltage));
        let end = self.watch.update(chemistry, &self.polarisation, ends, seconds);
        let (percent, hours, _) = self.pending;
        if gap || end.is_some() || hours * 3600.0 >= LOOK_SECONDS || percent.abs() >= LOOK_PERCENT {
            self.look(ends, end);
        }
        self.estimate()
    }

    /// Takes note that nothing was measured for `dt`: the interval widens, the middle stays.
    pub fn gap(&mut self, dt: Duration) -> Estimate {
        self.unseen = (self.unseen + dt.as_secs_f64()).min(1e9);
        self.polarisation.gap();
        self.estimate()
    }

    /// What is known now.
    pub fn estimate(&self) -> Estimate {
        let (percent, hours, gas) = self.pending;
        let counted = percent - self.summary.offset * hours;
        let step = self.summary.kappa * (counted - gas.min(counted.max(0.0)));
        let unseen = self.unseen_rate() * self.unseen / 3600.0;
        let (below, above) = self.slack();
        let low = (self.summary.low + step - unseen - below - NARROWEST).clamp(0.0, 100.0 - 2.0 * NARROWEST);
        let high =
            (self.summary.high + step + unseen + above + NARROWEST).clamp(low + 2.0 * NARROWEST, 100.0);
        Estimate { soc: (self.summary.soc + step).clamp(low, high), low, high, synced: self.synced }
    }

    /// Time in h and charge moved in Ah since a full or empty battery fixed the state of charge, if one has.
    pub(super) fn since_sync(&self) -> Option<(f64, f64)> {
        let (hours, percent) = self.since_sync;
        self.synced.then_some((hours, percent / 100.0 * self.setup.pack.capacity_ah))
    }

    /// Percent of the true capacity for one percent of the label.
    pub(super) fn kappa(&self) -> f64 {
        self.summary.kappa
    }

    pub(super) fn is_full(&self) -> bool {
        self.watch.is_full()
    }

    pub(super) fn syncs(&self) -> u32 {
        self.syncs
    }

    pub(super) fn summarise(&mut self) {
        self.summary = self.bank.summary();
        self.pending = (0.0, 0.0, 0.0);
    }

    fn cell_error(&self, voltage: f64) -> f64 {
        self.setup.errors.volts_at(voltage) / f64::from(self.setup.pack.cells_series)
    }

    /// Keeps the hypotheses within 0 to 100 %.
    fn confine(&mut self) {
        // What a full lead-acid battery still takes goes into gas, and what it gives beyond its rated end it does not have
        // at its rated current: both speak against no hypothesis.
        let lead = self.setup.pack.chemistry == Chemistry::LeadAcid;
        let above = if lead { OVERCHARGE_PERCENT } else { 0.0 };
        if lead {
            self.bank.lift(0.0);
        }
        self.bank.clamp(&PerCurve::all((0.0, 100.0 + above)));
    }

    /// Brings the hypotheses up to now.
    pub(super) fn settle(&mut self) {
        let (percent, hours, gas) = std::mem::take(&mut self.pending);
        self.bank.advance(percent, hours, gas);
        let drift = DRIFT_PERCENT_PER_HOUR * hours;
        self.bank.widen(drift, drift);
        self.since_sync.0 += hours;
        self.since_sync.1 += percent.abs();
        self.since_refined += hours;
    }

    /// What [`Self::settle`] would make of a hypothesis; for saving, which changes nothing.
    pub(super) fn settled(&self, hypothesis: &Hypothesis) -> Hypothesis {
        let (percent, hours, gas) = self.pending;
        let drift = DRIFT_PERCENT_PER_HOUR * hours;
        let mut settled = *hypothesis;
        settled.advance(percent, hours, gas);
        let (below, above) = self.slack();
        (settled.low, settled.high) = (settled.low - drift - below, settled.high + drift + above);
        settled
    }

    /// Likewise: hours and % of the label moved since the last sync, and hours since what was learned was written down.
    pub(super) fn settled_times(&self) -> ((f64, f64), f64) {
        let (percent, hours, _) = self.pending;
        ((self.since_sync.0 + hours, self.since_sync.1 + percent.abs()), self.since_refined + hours)
    }
}
