//! How far the voltage at the terminals is from that of the cell at rest, and the resistance behind it.

use super::Chemistry;

/// Time constant of the averages that are compared with the curves, in s.
const AVERAGE_SECONDS: f64 = 10.0;
/// Time constants of what the current leaves behind in the cells, in s.
const LAG_SECONDS: [f64; 2] = [150.0, 1500.0];
/// Lead-acid keeps the surface charge of the plates for hours.
const LEAD_LAG_SECONDS: [f64; 2] = [300.0, 3600.0];
/// Time constant of the average of what has flowed in, in s.
const CHARGING_SECONDS: f64 = 900.0;
/// What may have flowed unseen before a start or in a gap, beside what flowed before it.
const UNSEEN_C_RATE: f64 = 0.05;
/// A current below this is none, as a multiple of the capacity per hour.
pub(super) const NOTHING: f64 = 0.002;
/// The smallest step of the current that tells the resistance, as a multiple of the capacity per hour.
const STEP_C_RATE: f64 = 0.04;
/// Diffusion slows down more in the cold than the resistance grows, part of which is metal; and no more than so many times at −5 °C.
const COLDER: f64 = 1.25;
const MOST_SLUGGISH: f64 = 3.5;
/// The longest time between the readings before and after a step, in s.
const STEP_SECONDS: f64 = 10.5;
/// Steps until the learned resistance is believed, and until it is averaged over so many.
const ENOUGH_STEPS: u32 = 3;
const AVERAGED_STEPS: u32 = 24;

/// What a chemistry's cells do, per cell and for a current of one capacity per hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Least, usual and largest resistance while nothing is learned, in V.
    pub(super) ohmic: (f64, f64, f64),
    /// By how much the surface of the particles is ahead of their mean, warm, in % of charge.
    pub(super) ahead: f64,
    /// Hysteresis, and what cells of one kind differ by, in V.
    pub(super) doubt: f64,
}

impl Cell {
    pub(super) fn of(chemistry: Chemistry) -> Self {
        match chemistry {
            Chemistry::Lfp => Self { ohmic: (0.050, 0.15, 1.00), ahead: 14.0, doubt: 0.018 },
            Chemistry::Nmc => Self { ohmic: (0.070, 0.20, 1.20), ahead: 21.0, doubt: 0.013 },
            Chemistry::LeadAcid => Self { ohmic: (0.040, 0.15, 1.00), ahead: 10.0, doubt: 0.012 },
        }
    }
}

/// What the recent currents have left behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Polarisation {
    /// Averages of the cell's voltage (V) and of the current (multiple of the capacity per hour).
    pub(super) volts: f64,
    pub(super) c_rate: f64,
    /// What is left of the current after longer times.
    pub(super) lag: [f64; 2],
    /// What may be left of currents that nobody saw, in either direction.
    pub(super) unseen: f64,
    /// Of the charging current alone.
    pub(super) charging: f64,
    /// Time since a current flowed in, in s.
    pub(super) since_charge: f64,
    last: Option<(f64, f64)>,
    /// Learned resistance: V per cell at one capacity per hour; and the steps it comes from.
    pub(super) ohmic: f64,
    pub(super) steps: u32,
    /// Time since the last step, in h.
    pub(super) step_age: f64,
    /// Time that the averages go back, in s.
    pub(super) settled: f64,
}

impl Polarisation {
    pub(super) fn new() -> Self {
        Self {
            volts: 0.0,
            c_rate: 0.0,
            lag: [0.0; 2],
            unseen: UNSEEN_C_RATE,
            charging: 0.0,
            since_charge: 0.0,
            last: None,
            ohmic: 0.0,
            steps: 0,
            step_age: 0.0,
            settled: 0.0,
        }
    }

    /// Takes a reading, `seconds` after the last.
    pub(super) fn update(&mut self, chemistry: Chemistry, volts: f64, c_rate: f64, seconds: f64) {
        if let Some((v, c)) = self.last {
            // Lead-acid resists charging in other ways.
            let tells = chemistry != Chemistry::LeadAcid || c.max(c_rate) <= 0.0;
            if tells && seconds <= STEP_SECONDS {
                self.learn(chemistry, volts - v, c_rate - c);
            }
        } else {
            (self.volts, self.c_rate, self.settled) = (volts, c_rate, 0.0);
            (self.lag, self.charging) = ([c_rate; 2], c_rate.max(0.0));
        }
        self.last = Some((volts, c_rate));
        self.settled += seconds;
        self.step_age += seconds / 3600.0;
        let share = share(seconds, AVERAGE_SECONDS);
        self.volts += share * (volts - self.volts);
        self.c_rate += share * (c_rate - self.c_rate);
        self.charging += self::share(seconds, CHARGING_SECONDS) * (c_rate.max(0.0) - self.charging);
        self.since_charge = if c_rate > NOTHING { 0.0 } else { self.since_charge + seconds };
        let times = if chemistry == Chemistry::LeadAcid { LEAD_LAG_SECONDS } else { LAG_SECONDS };
        for (lag, time) in self.lag.iter_mut().zip(times) {
            *lag += self::share(seconds, time) * (c_rate - *lag);
        }
        self.unseen *= 1.0 - self::share(seconds, LAG_SECONDS[1]);
    }

    /// Takes note that nothing is known of the current for so many seconds.
    pub(super) fn gap(&mut self) {
        let [short, long] = self.lag;
        self.unseen = self.unseen.max(self.c_rate.abs().max(short.abs()).max(long.abs()) + UNSEEN_C_RATE);
        self.since_charge = 0.0;
        self.last = None;
    }

    /// Least and largest resistance that it may be now, V per cell at one capacity per hour.
    pub(super) fn ohmic_range(&self, chemistry: Chemistry) -> (f64, f64) {
        let (least, _, most) = Cell::of(chemistry).ohmic;
        let (below, above) = match self.steps {
            0 => return (least, most),
            1 => (0.55, 1.7),
            2 => (0.6, 1.6),
            _ => (0.65, 1.5),
        };
        // A night without steps may have cooled the cells.
        let age = 1.0 + self.step_age / 12.0;
        (
            (below * self.ohmic / age).max(least.min(0.5 * self.ohmic)),
            (above * self.ohmic * age).min(most.max(2.0 * self.ohmic)),
        )
    }

    /// The likeliest resistance, V per cell at one capacity per hour.
    pub(super) fn likely_ohmic(&self, chemistry: Chemistry) -> f64 {
        if self.steps < ENOUGH_STEPS { Cell::of(chemistry).ohmic.1 } else { 1.1 * self.ohmic }
    }

    /// How many times colder cells answer, as their resistance tells; 1 while warm.
    pub(super) fn sluggishness(&self, chemistry: Chemistry) -> f64 {
        let usual = Cell::of(chemistry).ohmic.1;
        if self.steps < ENOUGH_STEPS {
            2.0
        } else {
            (self.ohmic / usual).powf(COLDER).clamp(1.0, MOST_SLUGGISH)
        }
    }

    fn learn(&mut self, chemistry: Chemistry, volts: f64, c_rate: f64) {
        if c_rate.abs() < STEP_C_RATE {
            return;
        }
        let (least, _, most) = Cell::of(chemistry).ohmic;
        let ohmic = volts / c_rate;
        if !(least / 2.0..most * 2.0).contains(&ohmic) {
            return;
        }
        self.steps = (self.steps + 1).min(AVERAGED_STEPS);
        let step = (ohmic - self.ohmic) / f64::from(self.steps);
        self.ohmic +=
            if self.steps > ENOUGH_STEPS { step.clamp(-0.1 * self.ohmic, 0.1 * self.ohmic) } else { step };
        self.step_age = 0.0;
    }
}

/// The share of the new value in an average of this time constant.
pub(super) fn share(seconds: f64, time: f64) -> f64 {
    seconds / (time + seconds)
}
