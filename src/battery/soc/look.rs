//! What the voltage tells, now and then: bands that bound the hypotheses, a full or an empty battery.

use super::StateOfCharge;
use crate::battery::Chemistry;
use crate::battery::bands::{bands, middles};
use crate::battery::sync::{End, full_bands};

/// Misses are forgotten in this time, in h.
const FORGET_HOURS: f64 = 120.0;
/// Time constant with which an open-circuit voltage pulls, in h.
const PULL_HOURS: f64 = 1.0;
/// A voltage that knows the state of charge no better than this, as a standard deviation in %, tells nothing more than
/// its band; one that does is an observation once in so many hours.
const INFORMATIVE: f64 = 8.0;
const COMPARE_HOURS: f64 = 6.0;
/// A sync after less charge than this, in %, is the same one.
const NEWS_PERCENT: f64 = 1.0;

impl StateOfCharge {
    /// Looks at the averaged voltage: the charger's and the sensor's error in V per cell, and the end that was reached.
    pub(super) fn look(&mut self, (full_volts, error): (f64, f64), end: Option<End>) {
        let hours = self.pending.1;
        self.settle();
        let chemistry = self.setup.pack.chemistry;
        self.confine();
        let bands = bands(chemistry, &self.polarisation, error);
        if self.polarisation.settled > 5.0 {
            self.bank.clamp(&bands);
        }
        match end {
            Some(End::Full) => self.tie_full((full_volts, error)),
            Some(End::Empty) => {
                self.note_sync();
            }
            None => {}
        }
        let middles = middles(chemistry, &self.polarisation);
        let sigmas = bands.map(|(low, high)| ((high - low) / 3.5).max(1.0));
        let sharpest = sigmas.values().iter().fold(f64::INFINITY, |a, &b| a.min(b));
        if sharpest < INFORMATIVE && self.polarisation.settled > 5.0 {
            self.bank.compare(&middles, &sigmas, hours / COMPARE_HOURS);
            if chemistry == Chemistry::Nmc {
                let (own, other) = (self.bank.spread.powi(2), sharpest.powi(2));
                let share = hours / (hours + PULL_HOURS) * own / (own + other);
                self.bank.pull(&middles, share);
                self.bank.spread = (own * (1.0 - share)).max(0.09).sqrt();
            }
        }
        self.summary = self.bank.summary();
    }

    fn tie_full(&mut self, ends: (f64, f64)) {
        let chemistry = self.setup.pack.chemistry;
        let (bands, likely) = full_bands(chemistry, &self.polarisation, ends);
        self.bank.tie(&bands, &likely, 0.4);
        self.gap = None;
        if self.since_refined > 6.0 {
            self.bank.forget(self.since_refined / (self.since_refined + FORGET_HOURS));
            self.bank.refine();
            self.since_refined = 0.0;
        }
        self.note_sync();
    }

    fn note_sync(&mut self) {
        // A battery that stays full is no news.
        if !self.synced || self.since_sync.1 > NEWS_PERCENT {
            self.syncs = self.syncs.wrapping_add(1);
        }
        self.synced = true;
        self.since_sync = (0.0, 0.0);
    }
}
