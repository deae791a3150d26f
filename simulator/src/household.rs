//! A house with a roof full of sun: what charges and loads the simulated pack.

use std::f64::consts::TAU;

use crate::noise::Noise;

/// A day in fast motion, so that someone who watches for some minutes sees both signs of the current.
const DAY_SECONDS: u32 = 20 * 60;
/// The simulation starts when the sun is up by this much.
const START_SECONDS: u32 = 60;
const SUN_PEAK_WATTS: f64 = 3600.0;
const BASE_WATTS: f64 = 280.0;
const FRIDGE_WATTS: f64 = 140.0;
const FRIDGE_ON_SECONDS: u32 = 60;
const FRIDGE_CYCLE_SECONDS: u32 = 180;
/// Kettle, oven, pump: one is switched on about every two minutes.
const APPLIANCE_CHANCE: f64 = 1.0 / 120.0;

/// Power of sun and appliances, second by second, the same for the same seed.
#[derive(Debug, Clone)]
pub struct Household {
    noise: Noise,
    second: u32,
    /// Share of the sun that the clouds let through.
    clouds: f64,
    /// Relative flicker of the small loads.
    flicker: f64,
    appliance_watts: f64,
    appliance_seconds: u32,
}

impl Household {
    /// The household that belongs to `seed`, in the morning.
    pub fn new(seed: u64) -> Self {
        Self {
            noise: Noise::new(seed),
            second: START_SECONDS,
            clouds: 0.8,
            flicker: 0.0,
            appliance_watts: 0.0,
            appliance_seconds: 0,
        }
    }

    /// Lets one second pass.
    pub fn tick(&mut self) {
        self.second = (self.second + 1) % DAY_SECONDS;
        self.clouds =
            (self.clouds + 0.02 * self.noise.normal() + 0.01 * (0.75 - self.clouds)).clamp(0.2, 1.0);
        self.flicker = 0.8 * self.flicker + 0.04 * self.noise.normal();
        self.appliance_seconds = self.appliance_seconds.saturating_sub(1);
        if self.appliance_seconds == 0 {
            self.appliance_watts = 0.0;
            if self.noise.uniform() < APPLIANCE_CHANCE {
                self.appliance_watts = 900.0 + 1300.0 * self.noise.uniform();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 20..60")]
                let seconds = (20.0 + 40.0 * self.noise.uniform()) as u32;
                self.appliance_seconds = seconds;
            }
        }
    }

    /// Power that is left for the battery in W, + = charging.
    pub fn surplus_watts(&self) -> f64 {
        let height = (TAU * f64::from(self.second) / f64::from(DAY_SECONDS)).sin().max(0.0);
        let fridge = if self.second % FRIDGE_CYCLE_SECONDS < FRIDGE_ON_SECONDS { FRIDGE_WATTS } else { 0.0 };
        let load = (BASE_WATTS + fridge) * (1.0 + self.flicker) + self.appliance_watts;
        SUN_PEAK_WATTS * height * self.clouds - load
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_charges_and_discharges_with_steps_and_stays_within_an_inverters_power() {
        let mut household = Household::new(1);
        let watts: Vec<f64> = (0..DAY_SECONDS)
            .map(|_| {
                household.tick();
                household.surplus_watts()
            })
            .collect();
        assert!(watts.iter().all(|w| w.abs() < 4000.0));
        assert!(watts.iter().any(|&w| w > 1000.0) && watts.iter().any(|&w| w < -1000.0));
        assert!(watts.windows(2).any(|w| (w[1] - w[0]).abs() > 800.0));
        assert!(watts.windows(2).all(|w| (w[1] - w[0]).abs() > 0.0));
    }

    #[test]
    fn over_many_days_the_sun_gives_about_what_the_house_takes() {
        let mut household = Household::new(1);
        let days = 200;
        let sum: f64 = (0..days * DAY_SECONDS)
            .map(|_| {
                household.tick();
                household.surplus_watts()
            })
            .sum();
        let mean = sum / f64::from(days * DAY_SECONDS);
        assert!((0.0..250.0).contains(&mean), "{mean}");
    }
}
