//! What a measuring chip sees on its pins.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::noise::Noise;

/// The voltages at a chip's inputs; clones are handles to the same pins, so a test or a pack can drive them
/// while the chip is on a bus.
#[derive(Debug, Clone, Default)]
pub struct Terminals {
    pins: Arc<Mutex<Pins>>,
}

/// The two voltages that a current and voltage monitor converts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Levels {
    /// At the bus pin against the chip's ground, in V.
    pub pin_volts: f64,
    /// IN+ minus IN−, in V.
    pub shunt_volts: f64,
}

#[derive(Debug, Default)]
struct Pins {
    levels: Levels,
    /// One standard deviation of each, and where it comes from.
    noise: Option<(Levels, Noise)>,
}

impl Terminals {
    /// Terminals at `pin_volts` on the bus pin and `shunt_volts` across the shunt inputs.
    pub fn new(pin_volts: f64, shunt_volts: f64) -> Self {
        let terminals = Self::default();
        terminals.set(pin_volts, shunt_volts);
        terminals
    }

    /// Puts `pin_volts` on the bus pin and `shunt_volts` across the shunt inputs.
    pub fn set(&self, pin_volts: f64, shunt_volts: f64) {
        self.pins().levels = Levels { pin_volts, shunt_volts };
    }

    /// From now on each conversion of any chip here has noise: one standard deviation of both inputs, in V. The sequence is
    /// that of `seed`.
    pub fn set_noise(&self, pin_volts: f64, shunt_volts: f64, seed: u64) {
        self.pins().noise = Some((Levels { pin_volts, shunt_volts }, Noise::new(seed)));
    }

    /// Both voltages at one instant, noise included.
    pub fn levels(&self) -> Levels {
        let mut pins = self.pins();
        let levels = pins.levels;
        let Some((sigma, noise)) = &mut pins.noise else { return levels };
        Levels {
            pin_volts: levels.pin_volts + sigma.pin_volts * noise.normal(),
            shunt_volts: levels.shunt_volts + sigma.shunt_volts * noise.normal(),
        }
    }

    fn pins(&self) -> MutexGuard<'_, Pins> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
