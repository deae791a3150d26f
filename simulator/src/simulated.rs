//! The hardware behind `SENSOR=simulated`: a pack, a household and an INA226 that watches them.

use std::time::Duration;

use crate::bus::{BusFault, Chip, SimulatedBus};
use crate::clock::Clock;
use crate::household::Household;
use crate::ina226::Ina226;
use crate::noise::Noise;
use crate::pack::{Pack, PackParameters};
use crate::terminals::Terminals;

/// I2C address of the INA226.
pub const ADDRESS: u8 = 0x40;
/// Low-side shunt in Ω: 100 A/75 mV. The chip's positive current charges the pack.
pub const SHUNT_OHMS: f64 = 0.75e-3;
/// Rated current of the shunt in A.
pub const SHUNT_AMPS: f64 = 100.0;
/// Ratio of the pack's voltage to the chip's bus pin.
pub const DIVIDER: f64 = 2.0;

const TICK: Duration = Duration::from_secs(1);
/// The pins follow the pack in steps of this, well below a conversion's time: a read is a dozen messages.
const SHORTEST_STEP: Duration = Duration::from_millis(10);
/// After a longer pause (a suspended machine) only the last day is lived through.
const LONGEST_STEP: Duration = Duration::from_hours(24);
/// Noise of the measurement, as one standard deviation.
const PIN_NOISE_VOLTS: f64 = 1.5e-3;
const SHUNT_NOISE_VOLTS: f64 = 15e-6;
const SEED: u64 = 16;

/// A bus with an INA226 at [`ADDRESS`] that watches a 16s `LiFePO4` pack of 100 Ah, 62 % full, in a house with
/// sun on its roof. It lives by `clock`, and is the same in every run.
pub fn simulated_pack(clock: Clock) -> SimulatedBus {
    let bus = SimulatedBus::new();
    bus.attach(ADDRESS, Box::new(Watched::new(clock)));
    bus
}

/// The chip, and what is on its pins: brought up to date before each message.
struct Watched {
    chip: Ina226,
    terminals: Terminals,
    clock: Clock,
    pack: Pack,
    household: Household,
    noise: Noise,
    time: Duration,
    next_tick: Duration,
}

impl Watched {
    fn new(clock: Clock) -> Self {
        let terminals = Terminals::default();
        let time = clock.now();
        let mut watched = Self {
            chip: Ina226::with_clock(terminals.clone(), clock.clone()),
            terminals,
            clock,
            pack: Pack::new(PackParameters::lfp_16s_100ah(), 0.62),
            household: Household::new(SEED),
            noise: Noise::new(!SEED),
            time,
            next_tick: time + TICK,
        };
        watched.drive_pins();
        watched
    }

    fn catch_up(&mut self) {
        let now = self.clock.now();
        if now.saturating_sub(self.time) < SHORTEST_STEP {
            return;
        }
        if now.saturating_sub(self.time) > LONGEST_STEP {
            self.time = now.saturating_sub(LONGEST_STEP);
            self.next_tick = self.time + TICK;
        }
        loop {
            let until = now.min(self.next_tick);
            let amps = self.household.surplus_watts() / self.pack.volts();
            self.pack.advance(until.saturating_sub(self.time), amps);
            self.time = until;
            if until < self.next_tick {
                break;
            }
            self.household.tick();
            self.next_tick += TICK;
        }
        self.drive_pins();
    }

    fn drive_pins(&mut self) {
        self.terminals.set(
            self.pack.volts() / DIVIDER + PIN_NOISE_VOLTS * self.noise.normal(),
            self.pack.amps() * SHUNT_OHMS + SHUNT_NOISE_VOLTS * self.noise.normal(),
        );
    }
}

impl Chip for Watched {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BusFault> {
        self.catch_up();
        self.chip.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault> {
        self.catch_up();
        self.chip.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::I2c;

    use super::*;
    use crate::clock::ManualClock;

    /// The pack's volts and amps as the chip's registers give them, once a second.
    fn watch(seconds: usize) -> Vec<(f64, f64)> {
        let hand = ManualClock::new();
        let mut bus = simulated_pack(hand.clock());
        let mut word = [0; 2];
        std::iter::repeat_with(|| {
            hand.advance(TICK);
            bus.write_read(ADDRESS, &[0x02], &mut word).unwrap();
            let volts = f64::from(u16::from_be_bytes(word)) * 1.25e-3 * DIVIDER;
            bus.write_read(ADDRESS, &[0x01], &mut word).unwrap();
            (volts, f64::from(i16::from_be_bytes(word)) * 2.5e-6 / SHUNT_OHMS)
        })
        .take(seconds)
        .collect()
    }

    #[test]
    fn the_voltage_moves_in_nearly_every_second_by_millivolts_and_stays_that_of_a_16s_pack() {
        let watched = watch(1200);
        assert!(watched.iter().all(|&(volts, amps)| (50.0..56.9).contains(&volts) && amps.abs() < 80.0));
        let steps: Vec<f64> = watched.windows(2).map(|w| (w[1].0 - w[0].0).abs()).collect();
        let moving = steps.iter().filter(|&&step| step > 1e-3).count();
        assert!(moving > 1000, "{moving}");
        let small = steps.iter().filter(|&&step| step < 0.1).count();
        assert!(small > 1100, "{small}");
    }

    #[test]
    fn the_current_charges_by_day_and_discharges_by_night() {
        let watched = watch(1200);
        assert!(watched.iter().any(|&(_, amps)| amps > 20.0));
        assert!(watched.iter().any(|&(_, amps)| amps < -20.0));
    }

    #[test]
    fn it_is_the_same_in_every_run() {
        assert_eq!(watch(100), watch(100));
    }

    #[test]
    fn a_pause_of_a_year_is_over_at_once() {
        let hand = ManualClock::new();
        let mut bus = simulated_pack(hand.clock());
        hand.advance(Duration::from_hours(24 * 365));
        bus.read(ADDRESS, &mut [0; 2]).unwrap();
    }
}
