//! What people do with a battery, second by second: the current that the system around it asks for.

use std::f64::consts::TAU;

use crate::noise::Noise;

/// A kind of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// A house with sun on its roof.
    Household,
    /// A forklift in two shifts, charged at noon and by night.
    Forklift,
    /// An uninterruptible supply: weeks of float, now and then an outage.
    Ups,
    /// A camper: refrigerator, pump, a little sun, the alternator.
    Camper,
    /// A bicycle or scooter: two rides a day, a partial charge in the evening.
    Commute,
}

/// The uses, for a test that goes through all.
pub const USAGES: [Usage; 5] = [Usage::Household, Usage::Forklift, Usage::Ups, Usage::Camper, Usage::Commute];

/// One installation. Currents are multiples of the capacity per hour, positive while charging.
#[derive(Debug, Clone)]
pub struct Consumers {
    usage: Usage,
    noise: Noise,
    /// Scale of everything that draws, and of what charges.
    load: f64,
    charge: f64,
    /// The clouds of the day, and of the moment.
    day: f64,
    clouds: f64,
    /// What is switched on, and for how many seconds.
    appliance: f64,
    left: f64,
    charging: bool,
}

const DAY: f64 = 86_400.0;

impl Consumers {
    /// The installation that belongs to `seed`.
    pub fn new(usage: Usage, seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let (load, charge) = (0.5 + noise.uniform(), 0.5 + noise.uniform());
        Self { usage, noise, load, charge, day: 1.0, clouds: 1.0, appliance: 0.0, left: 0.0, charging: false }
    }

    /// The current that is asked for at `time` in s since a midnight, the battery being at `soc` in %.
    pub fn c_rate(&mut self, time: f64, soc: f64) -> f64 {
        let hour = time % DAY / 3600.0;
        if time % DAY < 1.0 {
            self.day = 0.25 + 0.75 * self.noise.uniform();
        }
        self.clouds =
            (self.clouds + 0.02 * self.noise.normal() + 0.01 * (0.75 - self.clouds)).clamp(0.2, 1.0);
        self.left -= 1.0;
        if self.left <= 0.0 {
            self.appliance = 0.0;
        }
        let sun = ((hour - 6.0) / 12.0 * TAU / 2.0).sin().max(0.0) * if hour < 18.0 { 1.0 } else { 0.0 };
        let sun = if hour > 6.0 { sun * self.clouds * self.day * self.charge } else { 0.0 };
        match self.usage {
            Usage::Household => 0.32 * sun - self.household(hour),
            Usage::Forklift => self.forklift(hour, soc),
            Usage::Ups => self.ups(soc),
            Usage::Camper => 0.10 * sun + self.alternator(hour) - self.camper(time),
            Usage::Commute => self.commute(hour, soc),
        }
    }

    fn switch_on(&mut self, chance: f64, c_rates: (f64, f64), seconds: (f64, f64)) {
        if self.left <= 0.0 && self.noise.uniform() < chance {
            self.appliance = c_rates.0 + (c_rates.1 - c_rates.0) * self.noise.uniform();
            self.left = seconds.0 + (seconds.1 - seconds.0) * self.noise.uniform();
        }
    }

    fn household(&mut self, hour: f64) -> f64 {
        let evening = if (17.0..23.0).contains(&hour) { 2.0 } else { 1.0 };
        self.switch_on(evening / 2000.0, (0.05, 0.3), (60.0, 1500.0));
        self.load * (0.025 * evening + self.appliance)
    }

    fn forklift(&mut self, hour: f64, soc: f64) -> f64 {
        let shift = (6.0..11.5).contains(&hour) || (13.0..17.5).contains(&hour);
        if shift && soc > 12.0 {
            self.switch_on(1.0 / 40.0, (-0.15, 1.0), (3.0, 25.0));
            return -self.load * (0.06 + self.appliance);
        }
        if shift { 0.0 } else { 0.25 * self.charge }
    }

    fn ups(&mut self, soc: f64) -> f64 {
        self.switch_on(1.0 / 150_000.0, (0.2, 0.9), (300.0, 3600.0));
        if self.appliance > 0.0 && soc > 8.0 { -self.appliance * self.load } else { 0.2 * self.charge }
    }

    fn camper(&mut self, time: f64) -> f64 {
        self.switch_on(1.0 / 4000.0, (0.02, 0.12), (20.0, 900.0));
        let refrigerator = if time % 1800.0 < 600.0 { 0.04 } else { 0.0 };
        self.load * (0.006 + refrigerator + self.appliance)
    }

    fn alternator(&self, hour: f64) -> f64 {
        if (10.0..11.2).contains(&hour) || (16.0..17.5).contains(&hour) { 0.15 * self.charge } else { 0.0 }
    }

    fn commute(&mut self, hour: f64, soc: f64) -> f64 {
        let riding = (7.0..7.8).contains(&hour) || (17.0..17.8).contains(&hour);
        if riding && soc > 10.0 {
            self.switch_on(1.0 / 15.0, (-0.2, 1.3), (4.0, 40.0));
            return -self.load * (0.1 + 0.5 * self.appliance);
        }
        if soc < 45.0 {
            self.charging = true;
        }
        if hour < 19.0 || soc > 99.5 {
            self.charging &= !(6.0..19.0).contains(&hour);
        }
        if self.charging || (19.0..20.0 + self.day).contains(&hour) { 0.25 * self.charge } else { -0.0005 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_use_both_charges_and_draws_within_two_capacities_an_hour() {
        for usage in USAGES {
            let mut consumers = Consumers::new(usage, 5);
            let week: Vec<f64> = (0..7 * 86_400).map(|s| consumers.c_rate(f64::from(s), 50.0)).collect();
            assert!(week.iter().any(|&c| c > 0.01) && week.iter().any(|&c| c < -0.01), "{usage:?}");
            assert!(week.iter().all(|c| c.abs() < 2.0), "{usage:?}");
        }
    }
}
