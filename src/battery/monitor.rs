//! Everything that is known of the battery, from one reading to the next.

use std::time::Duration;

use super::charge::ChargeCount;
use super::counted::Counted;
use super::details::{Details, Measured};
use super::forecast::Forecast;
use super::meter::Meter;
use super::protection::{Beyond, Kept, Limits, Observation, Protection, Verdict};
use super::saved::{self, Beside, SavedError};
use super::voltage_only::{VoltageOnly, plausible_cell_volts};
use super::{Estimate, Response, Setup, StateOfCharge, StepResponse};

/// The battery, as it is watched. Knows no clock: time comes in with each reading.
#[derive(Debug, Clone)]
pub struct Battery {
    /// 16 kB that need not travel with everything that holds a battery.
    soc: Box<StateOfCharge>,
    blind: VoltageOnly,
    /// Whether a current was ever measured.
    counts: bool,
    meter: Meter,
    forecast: Forecast,
    protection: Protection,
    response: StepResponse,
    counted: Counted,
    /// What an earlier run left has been taken up.
    is_restored: bool,
    last: Option<(f64, f64)>,
    verdict: Verdict,
}

/// Power over a longer time than this is not known.
const LONGEST_SECONDS: f64 = 90.0;

impl Battery {
    /// A battery of which nothing is known but what the configuration says.
    pub fn new(setup: Setup, limits: Limits) -> Self {
        let mut protection = Protection::new(limits);
        let verdict = protection.gap(0.0);
        Self {
            soc: Box::new(StateOfCharge::new(setup)),
            blind: VoltageOnly::new(setup.pack),
            counts: false,
            meter: Meter::default(),
            forecast: Forecast::default(),
            protection,
            response: StepResponse::default(),
            counted: Counted::default(),
            is_restored: false,
            last: None,
            verdict,
        }
    }

    /// Goes on with other settings: the protection as it was, and what is known of the battery if it is the same pack.
    ///
    /// # Errors
    /// If it is another pack, of which nothing is known.
    pub fn reconfigure(&mut self, setup: Setup, limits: Limits) -> Result<(), SavedError> {
        let mut known = Vec::new();
        self.save(&mut known);
        let protection = self.protection.clone().with_limits(limits);
        let (meter, counted) = (self.meter, self.counted);
        // The protection is past what was kept.
        *self = Self { protection, is_restored: true, ..Self::new(setup, limits) };
        self.verdict = self.protection.gap(0.0);
        self.restore(&known, Some(Duration::ZERO))?;
        // It is the same pack.
        (self.meter, self.counted) = (meter, counted);
        Ok(())
    }

    /// Takes a state of charge in % from elsewhere, as a start.
    pub fn start_at(&mut self, soc: f64) {
        self.soc.start_at(soc);
    }

    /// Takes a reading, `dt` after the last or the last gap.
    pub fn update(&mut self, measured: Measured, dt: Duration) -> Estimate {
        self.update_counted(measured, None, dt)
    }

    /// As [`Self::update`], with what the chip has counted by itself.
    pub fn update_counted(
        &mut self,
        measured: Measured,
        count: Option<ChargeCount>,
        dt: Duration,
    ) -> Estimate {
        let Measured { voltage, current, temperature } = measured;
        let (pack, seconds) = (self.soc.setup.pack, dt.as_secs_f64());
        let cell_volts =
            plausible_cell_volts(&pack, voltage).filter(|_| current.is_none_or(|amps| pack.can_give(amps)));
        let is_used = cell_volts.is_some() && current.is_some();
        let (for_soc, for_totals) = self.counted.flowed(count, is_used);
        let flowed = for_totals.filter(|ah| self.soc.believes(*ah, seconds));
        self.counts |= current.is_some();
        let estimate = match current {
            Some(amps) => self.soc.update_counted(voltage, amps, for_soc, dt),
            None if self.counts => self.soc.gap(dt),
            None => self.blind.update(voltage, dt),
        };
        match current.filter(|_| is_used) {
            Some(amps) if let Some(ah) = flowed => {
                // As if it had flowed within an hour.
                self.meter.count(voltage * ah, ah, 1.0);
                self.forecast.update(amps / pack.capacity_ah, seconds.min(LONGEST_SECONDS));
                self.last = Some((voltage * amps, amps));
            }
            Some(amps) if seconds <= LONGEST_SECONDS => {
                let (watts, before) = self.last.unwrap_or((voltage * amps, amps));
                let hours = seconds / 3600.0;
                self.meter.count(f64::midpoint(watts, voltage * amps), f64::midpoint(before, amps), hours);
                self.forecast.update(amps / pack.capacity_ah, seconds);
                self.last = Some((voltage * amps, amps));
            }
            Some(amps) => self.last = Some((voltage * amps, amps)),
            None => self.lose_current(),
        }
        self.response.note(current.map(|amps| (voltage, amps)), &pack);
        let Some(cell_volts) = cell_volts else {
            self.verdict = self.protection.implausible(seconds);
            return estimate;
        };
        let seen = Observation {
            cell_volts,
            amps: current,
            celsius: temperature.filter(|celsius| celsius.is_finite()),
            estimate,
            is_full: self.soc.is_full(),
            answers: matches!(self.response.judge(&pack), Response::Unknown | Response::Plausible { .. }),
        };
        self.verdict = self.protection.update(&seen, seconds.min(LONGEST_SECONDS));
        estimate
    }

    /// Takes note that nothing was measured for `dt`.
    pub fn gap(&mut self, dt: Duration) -> Estimate {
        self.lose_current();
        self.verdict = self.protection.gap(dt.as_secs_f64());
        if self.counts { self.soc.gap(dt) } else { self.blind.gap(dt) }
    }

    /// Takes note that for `dt` there was more than the sensor can measure: nothing was measured, but it was too much.
    pub fn beyond_range(&mut self, beyond: Beyond, dt: Duration) -> Estimate {
        self.protection.beyond_range(beyond, dt.as_secs_f64().min(LONGEST_SECONDS));
        self.gap(dt)
    }

    /// Whether there has ever been a plausible reading to judge by.
    pub fn has_judged(&self) -> bool {
        self.protection.has_judged()
    }

    /// Takes note that the chip has lost its count, before it tells so with its next: what was counted last is not of
    /// that count.
    pub fn lose_count(&mut self) {
        self.counted.lose();
    }

    /// Which of the chip's counts [`Self::save`] writes down: another number after each of its restarts; `None` without
    /// one that outlives the daemon.
    pub fn count_epoch(&self) -> Option<u32> {
        self.counted.epoch()
    }

    /// What is known now.
    pub fn estimate(&self) -> Estimate {
        if self.counts { self.soc.estimate() } else { self.blind.estimate() }
    }

    /// What is known beside the state of charge.
    pub fn details(&self) -> Details {
        let estimate = self.soc.estimate();
        let (time_to_empty, time_to_full) = self.forecast.times(estimate.soc, self.soc.kappa());
        Details {
            verdict: self.verdict,
            meter: self.meter,
            cycles: self.meter.cycles(self.soc.setup.pack.capacity_ah),
            time_to_empty,
            time_to_full,
            since_sync: self.soc.since_sync(),
            health: 1.0 / self.soc.kappa(),
        }
    }

    /// Totals since the installation.
    pub fn meter(&self) -> Meter {
        self.meter
    }

    /// How often it has been full or empty: grows with each sync.
    pub fn syncs(&self) -> u32 {
        self.soc.syncs()
    }

    /// What holds since the last reading or gap.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Forgets the faults whose cause is gone, by the last reading; what holds then.
    pub fn reset_error(&mut self) -> Verdict {
        self.verdict = self.protection.reset();
        self.verdict
    }

    /// What the protection has tripped and outlives a restart.
    pub fn kept(&self) -> Kept {
        self.protection.kept()
    }

    /// Appends what must outlive a restart.
    pub fn save(&self, out: &mut Vec<u8>) {
        let Self { meter, counts, .. } = *self;
        let count = self.counted.in_soc();
        saved::save(&self.soc, &Beside { meter, kept: self.protection.kept(), count, counts }, out);
    }

    /// Takes up what [`Self::save`] wrote, `off` ago; `None` if nobody knows how long ago. May be told again when that is
    /// known: then only the state of charge goes back to what was kept, and on from there. The totals and what the
    /// protection has seen since the first time are newer, and stay.
    ///
    /// # Errors
    /// If it is not the saved state of this pack; nothing is changed.
    pub fn restore(&mut self, bytes: &[u8], off: Option<Duration>) -> Result<(), SavedError> {
        let Beside { meter, kept, count, counts } = saved::restore(&mut self.soc, bytes)?;
        let is_first = !std::mem::replace(&mut self.is_restored, true);
        self.counted.restore(count, is_first);
        if is_first {
            self.meter = meter;
            self.protection.restore(kept);
            self.verdict = self.protection.gap(0.0);
        }
        self.counts |= counts;
        self.soc.was_off(off);
        Ok(())
    }

    fn lose_current(&mut self) {
        self.last = None;
        self.forecast.gap();
    }
}
