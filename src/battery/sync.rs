//! Full and empty: the moments at which the state of charge is known.

use super::Chemistry;
use super::ocv::soc_at;
use super::per_curve::{Bands, PerCurve};
use super::polarisation::{Cell, Polarisation};

/// How long the charge voltage must be held with a small current, in s.
const FULL_SECONDS: f64 = 180.0;
/// How long a cell must be below the end of discharge, in s.
const EMPTY_SECONDS: f64 = 60.0;
/// While it stays full, how often that is noted again, in s.
const AGAIN_SECONDS: f64 = 600.0;
/// What must have been charged before, in % of the label.
const CHARGED_PERCENT: f64 = 0.5;
/// Discharge that counts as none: consumers that draw while the charger holds, as a multiple of the capacity per hour.
const NO_DISCHARGE: f64 = 0.004;
/// How exactly chargers hold their voltage, in V per cell.
const CHARGER_ERROR: f64 = 0.012;
/// What cells of one kind differ by where the curve is steep, in %.
const END_PERCENT: f64 = 0.1;
/// While a voltage is held, the surface of the particles is ahead by so many times what the current that is left would make
/// it: 1.5 times by diffusion into equal spheres (the slowest mode has 3/π² of the flux where a steady one has 1/5), and more
/// where they differ in size.
const HELD: f64 = 2.0;
/// By how much less than the highest voltage of the charge a charger that goes on can hold, in V per cell.
const SWITCHED_OFF: f64 = 0.008;
/// A lead-acid battery is full when its current, if that small, has stayed within this share for so long, in s.
const STEADY_C_RATE: f64 = 0.08;
const STEADY_SHARE: f64 = 0.93;
const STEADY_SECONDS: f64 = 3.0 * 3600.0;
/// The largest current at which an end of discharge tells anything.
const EMPTY_C_RATE: f64 = 0.5;

/// The end that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Full,
    Empty,
}

/// Watches for the ends.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Watch {
    /// Time at the charge voltage with a small current, and below the end of discharge, in s.
    full_for: f64,
    empty_for: f64,
    /// Charged since it was last discharged for good, in %.
    charged: f64,
    noted: bool,
    /// The highest voltage of this charge, in V per cell.
    highest: f64,
    /// Lead-acid: the current that has not fallen any more, as a multiple of the capacity per hour, and for how long, in s.
    steady: (f64, f64),
}

impl Watch {
    /// Takes a reading, already in the averages; `full_volts` is the charger's voltage and `error` the sensor's, both in
    /// V per cell.
    pub(super) fn update(
        &mut self,
        chemistry: Chemistry,
        polarisation: &Polarisation,
        (full_volts, error): (f64, f64),
        seconds: f64,
    ) -> Option<End> {
        let (volts, c) = (polarisation.volts, polarisation.c_rate);
        self.charged = (self.charged + c * seconds / 36.0).clamp(0.0, 2.0 * CHARGED_PERCENT);
        let least = (full_volts - error - 0.005).max(floor(chemistry, full_volts));
        if self.charged <= 0.0 {
            (self.noted, self.highest) = (false, 0.0);
        }
        self.highest = self.highest.max(volts);
        // A charger that was switched off early leaves a small current too, but its voltage falls at once.
        let held = match chemistry {
            Chemistry::LeadAcid => c > 0.0005,
            _ => volts >= self.highest - SWITCHED_OFF,
        };
        let tail = (c < tail(chemistry) && c > -NO_DISCHARGE)
            || self.is_steady(chemistry, volts >= least, c, seconds);
        let full = volts >= least && tail && held && (self.charged >= CHARGED_PERCENT || self.noted);
        // A refrigerator that starts meanwhile does not undo it.
        self.full_for = if full {
            self.full_for + seconds
        } else {
            (self.full_for - seconds).max(self.full_for.min(0.0))
        };
        let empty = volts <= end_volts(chemistry) && c <= 0.0 && c > -EMPTY_C_RATE;
        self.empty_for = if empty { self.empty_for + seconds } else { 0.0 };
        if self.full_for >= FULL_SECONDS {
            self.full_for =
                if self.noted { FULL_SECONDS - AGAIN_SECONDS } else { self.full_for - AGAIN_SECONDS };
            self.noted = true;
            return Some(End::Full);
        }
        if self.empty_for >= EMPTY_SECONDS {
            self.empty_for -= AGAIN_SECONDS;
            return Some(End::Empty);
        }
        None
    }

    /// Whether a lead-acid battery at its charging voltage takes no less than hours ago: all of it is gas, which a hot
    /// one makes more of than the tail.
    fn is_steady(&mut self, chemistry: Chemistry, charges: bool, c: f64, seconds: f64) -> bool {
        let (from, time) = self.steady;
        let falls = c < from * STEADY_SHARE || c > from / STEADY_SHARE;
        self.steady = if !charges || falls { (c, 0.0) } else { (from, time + seconds) };
        chemistry == Chemistry::LeadAcid && c > 0.0 && c < STEADY_C_RATE && self.steady.1 >= STEADY_SECONDS
    }

    /// Takes up what an earlier run left.
    pub(super) fn restore(&mut self, full: bool) {
        *self = Self { charged: if full { CHARGED_PERCENT } else { 0.0 }, noted: full, ..Self::default() };
    }

    /// Whether it was full and has not been discharged since.
    pub(super) fn is_full(&self) -> bool {
        self.noted
    }
}

/// Where the state of charge is when the charger holds `full_volts` and the current has become small: limits, and what
/// is likeliest.
pub(super) fn full_bands(
    chemistry: Chemistry,
    polarisation: &Polarisation,
    (full_volts, error): (f64, f64),
) -> (Bands, PerCurve<f64>) {
    if chemistry == Chemistry::LeadAcid {
        return (PerCurve::all((98.0, 100.0)), PerCurve::all(99.0));
    }
    let read = (polarisation.volts - error, polarisation.volts + error);
    let held = (full_volts - CHARGER_ERROR, full_volts + CHARGER_ERROR);
    let (from, to) =
        if read.0 < held.1 && held.0 < read.1 { (read.0.max(held.0), read.1.min(held.1)) } else { read };
    let now = polarisation.c_rate.max(0.0);
    let likely =
        bands_between(chemistry, polarisation, (from, to), now).map(|(low, high)| f64::midpoint(low, high));
    // NMC has no knee: a weak sun may leave as small a current a little below the charger's voltage, within the sensor's
    // error.
    let from = if chemistry == Chemistry::Nmc { from.min(read.0) } else { from };
    // While the charger holds its voltage the surface of the particles lags behind the current that falls.
    let [short, long] = polarisation.lag;
    let lag = now.max(short.max(long).min(HELD * now));
    (bands_between(chemistry, polarisation, (from, to), lag), likely)
}

/// Where a cell is between two voltages, its surface being ahead of its mean by what a current of `lag` makes it.
fn bands_between(
    chemistry: Chemistry,
    polarisation: &Polarisation,
    (from, to): (f64, f64),
    lag: f64,
) -> Bands {
    let c = polarisation.c_rate.max(0.0);
    let (least, most) = polarisation.ohmic_range(chemistry);
    let cell = Cell::of(chemistry);
    let ahead = cell.ahead * polarisation.sluggishness(chemistry) * lag;
    PerCurve::each(chemistry, |curve| {
        let low = soc_at(curve, from - most * c - cell.doubt) - ahead - END_PERCENT;
        let high = soc_at(curve, to - least * c + 0.002);
        (low.clamp(0.0, 99.0), high.clamp(1.0, 100.0))
    })
}

/// The current below which a charge is complete, as a multiple of the capacity per hour.
fn tail(chemistry: Chemistry) -> f64 {
    if chemistry == Chemistry::LeadAcid { 0.03 } else { 0.05 }
}

/// Below this no charge is complete, V per cell, however wrong the sensor may be.
fn floor(chemistry: Chemistry, full_volts: f64) -> f64 {
    match chemistry {
        Chemistry::Lfp => 3.40,
        Chemistry::Nmc => full_volts - 0.040,
        Chemistry::LeadAcid => full_volts - 0.030,
    }
}

/// The end of discharge, V per cell.
fn end_volts(chemistry: Chemistry) -> f64 {
    match chemistry {
        Chemistry::Lfp => 2.80,
        Chemistry::Nmc => 3.10,
        Chemistry::LeadAcid => 1.90,
    }
}
