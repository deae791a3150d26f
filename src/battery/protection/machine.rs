//! The state machine.

use ems_protocol::State;

use super::delay::Delay;
use super::probe::Probe;
use super::{Beyond, Flag, Flags, Kept, Limits, Observation, Verdict, temperature};
use crate::battery::Estimate;

/// The state machine of one battery.
#[derive(Debug, Clone, PartialEq)]
pub struct Protection {
    limits: Limits,
    /// Charging was stopped by a full battery.
    full: bool,
    /// Loads were cut by an empty one.
    empty: bool,
    over_voltage: Delay,
    under_voltage: Delay,
    low_charge: Delay,
    over_current: Delay,
    /// Net charge since the loads were cut, in s.
    recharged: f64,
    /// Time without a reading, in s.
    blind: f64,
    probe: Probe,
    /// Faults that stay until they are reset.
    latched: Flags,
    present: Flags,
    warnings: Flags,
    amps: Option<f64>,
    has_judged: bool,
}

/// Faults that stay until somebody forgets them.
const UNTIL_RESET: [Flag; 2] = [Flag::OverVoltage, Flag::OverCurrent];
/// What a battery does above the voltage that stops its charge, in V per cell, is a fault.
const FAULT_ABOVE: f64 = 0.10;

impl Protection {
    /// Nothing has happened yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            full: false,
            empty: false,
            over_voltage: Delay::default(),
            under_voltage: Delay::default(),
            low_charge: Delay::default(),
            over_current: Delay::default(),
            recharged: 0.0,
            blind: 0.0,
            probe: Probe::default(),
            latched: Flags::NONE,
            present: Flags::NONE,
            warnings: Flags::NONE,
            amps: None,
            has_judged: false,
        }
    }

    /// Goes on with other limits: what has tripped stays tripped, and time without a reading goes on.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Takes a reading, `seconds` after the last.
    pub fn update(&mut self, seen: &Observation, seconds: f64) -> Verdict {
        self.blind = 0.0;
        self.has_judged = true;
        self.amps = seen.amps;
        (self.present, self.warnings) = (Flags::NONE, Flags::NONE);
        if !seen.answers {
            self.warnings.set(Flag::SensorImplausible);
        }
        self.watch_voltage(seen, seconds);
        self.watch_charge(seen, seconds);
        self.watch_current(seen, seconds);
        self.watch_temperature(seen.celsius, seconds);
        self.verdict()
    }

    /// Whether there has ever been a reading to judge by: before it, nothing is known that allows anything.
    pub fn has_judged(&self) -> bool {
        self.has_judged
    }

    /// Takes note that for `seconds` there was more than the sensor can measure: after the delay of such a fault that
    /// fault, which stays until it is reset. It is no reading either: [`Self::gap`] is to follow.
    pub fn beyond_range(&mut self, beyond: Beyond, seconds: f64) {
        let Limits { over_seconds, over_current_seconds, .. } = self.limits;
        let (delay, needed, flag) = match beyond {
            Beyond::Voltage => (&mut self.over_voltage, over_seconds, Flag::OverVoltage),
            Beyond::Current => (&mut self.over_current, over_current_seconds, Flag::OverCurrent),
        };
        if delay.holds(true, needed, seconds) {
            self.present.set(flag);
            self.latched.set(flag);
        }
    }

    /// Takes note of a reading that no such battery gives, `seconds` after the last: as good as none, and a fault.
    pub fn implausible(&mut self, seconds: f64) -> Verdict {
        self.present.set(Flag::SensorImplausible);
        self.gap(seconds)
    }

    /// Takes note that there was no reading for `seconds`.
    pub fn gap(&mut self, seconds: f64) -> Verdict {
        self.blind += seconds;
        self.verdict()
    }

    /// Forgets the faults that stay until somebody forgets them. Those of the temperature go by themselves; those that
    /// the last reading shows stay.
    pub fn reset(&mut self) -> Verdict {
        for flag in UNTIL_RESET {
            if !self.present.has(flag) {
                self.latched.clear(flag);
            }
        }
        self.verdict()
    }

    /// What must outlive a restart.
    pub(in crate::battery) fn kept(&self) -> Kept {
        let mut latched = Flags::NONE;
        UNTIL_RESET.into_iter().filter(|flag| self.latched.has(*flag)).for_each(|flag| latched.set(flag));
        Kept { full: self.full, empty: self.empty, latched }
    }

    /// Takes up what an earlier run left, beside what has tripped since.
    pub(in crate::battery) fn restore(&mut self, kept: Kept) {
        self.full |= kept.full;
        self.empty |= kept.empty;
        self.latched = self.latched | kept.latched;
    }

    fn watch_voltage(&mut self, seen: &Observation, seconds: f64) {
        let Limits { over_volts, over_seconds, empty_volts, empty_seconds, .. } = self.limits;
        if self.over_voltage.holds(seen.cell_volts >= over_volts, over_seconds, seconds) {
            self.full = true;
            self.warnings.set(Flag::OverVoltage);
        }
        if seen.cell_volts >= over_volts + FAULT_ABOVE {
            self.present.set(Flag::OverVoltage);
            self.latched.set(Flag::OverVoltage);
        }
        if self.under_voltage.holds(seen.cell_volts <= empty_volts, empty_seconds, seconds) {
            self.empty = true;
            self.recharged = 0.0;
            self.present.set(Flag::UnderVoltage);
        }
    }

    fn watch_charge(&mut self, seen: &Observation, seconds: f64) {
        let limits = &self.limits;
        let Estimate { low, high, .. } = seen.estimate;
        if seen.is_full {
            self.full = true;
        } else if high < limits.charge_again_below && seen.cell_volts < limits.over_volts {
            self.full = false;
        }
        // An interval that says nothing cuts nobody off: then the voltage alone decides.
        let known = high - low <= limits.widest;
        let is_low = known && low <= limits.empty_soc;
        if self.low_charge.holds(is_low, limits.empty_soc_seconds, seconds) && !self.empty {
            self.empty = true;
            self.recharged = 0.0;
        }
        if known && low <= limits.warn_soc {
            self.warnings.set(Flag::LowCharge);
        }
        if !seen.estimate.synced {
            self.warnings.set(Flag::NotSynced);
        }
        if self.empty {
            // The voltage rebounds as soon as the load is gone: only charge that has come in counts.
            let net = match self.amps {
                Some(amps) if amps.abs() <= limits.dead_band_amps => 0.0,
                Some(amps) => seconds.copysign(amps),
                None if seen.cell_volts > limits.charging_volts() => seconds,
                None => -seconds,
            };
            self.recharged = (self.recharged + net).max(0.0);
            if self.recharged >= limits.recharge_seconds {
                self.empty = false;
                self.low_charge = Delay::default();
            }
        }
    }

    fn watch_current(&mut self, seen: &Observation, seconds: f64) {
        let Limits { charge_amps, load_amps, over_current_seconds, .. } = self.limits;
        let over = |factor: f64| {
            seen.amps.is_some_and(|amps| amps > charge_amps * factor || amps < -load_amps * factor)
        };
        if self.over_current.holds(over(1.0), over_current_seconds, seconds) {
            self.present.set(Flag::OverCurrent);
            self.latched.set(Flag::OverCurrent);
        } else if over(0.9) {
            self.warnings.set(Flag::OverCurrent);
        }
    }

    fn watch_temperature(&mut self, celsius: Option<f64>, seconds: f64) {
        let limits = &self.limits;
        if self.probe.listen(celsius, limits, seconds) {
            self.warnings.set(Flag::ProbeLost);
        }
        // What a probe said last holds until it says otherwise.
        if celsius.is_some() || !limits.has_probe {
            temperature::judge(&mut self.latched, celsius, limits);
        }
    }

    fn verdict(&self) -> Verdict {
        let mut faults = self.present | self.latched;
        let mut warnings = self.warnings;
        if self.blind >= self.limits.blind_seconds {
            faults.set(Flag::SensorLost);
        }
        // Too cold to charge is no fault of a battery that nobody charges.
        for flag in [Flag::ChargeTooCold, Flag::ChargeTooHot] {
            if faults.has(flag) {
                faults.clear(flag);
                warnings.set(flag);
            }
        }
        let stops_all = [Flag::Overheat, Flag::OverCurrent, Flag::SensorLost].iter().any(|f| faults.has(*f));
        let stops_charge = faults.has(Flag::OverVoltage)
            || warnings.has(Flag::ChargeTooCold)
            || warnings.has(Flag::ChargeTooHot)
            || (self.probe.leaves_unknown(&self.limits) && !self.limits.charge_without_probe);
        let error = stops_all || faults.has(Flag::OverVoltage) || faults.has(Flag::UnderTemp);
        Verdict {
            state: self.state(error),
            charge_allowed: !(self.full || stops_all || stops_charge),
            load_allowed: !(self.empty || stops_all || faults.has(Flag::UnderTemp)),
            faults,
            warnings,
        }
    }

    fn state(&self, error: bool) -> State {
        let band = self.limits.dead_band_amps;
        match self.amps {
            _ if error => State::Error,
            Some(amps) if amps < -band && !self.empty => State::Discharging,
            _ if self.empty => State::Empty,
            _ if self.full => State::Full,
            Some(amps) if amps > band => State::Charging,
            _ => State::Idle,
        }
    }
}
