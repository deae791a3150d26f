//! What a measuring chip sees on its pins.

use std::sync::{Arc, Mutex, PoisonError};

/// The voltages at a chip's inputs; clones are handles to the same pins, so a test or a pack can drive them
/// while the chip is on a bus.
#[derive(Debug, Clone, Default)]
pub struct Terminals {
    levels: Arc<Mutex<Levels>>,
}

/// The two voltages that a current and voltage monitor converts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Levels {
    /// At the bus pin against the chip's ground, in V.
    pub pin_volts: f64,
    /// IN+ minus IN−, in V.
    pub shunt_volts: f64,
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
        *self.levels.lock().unwrap_or_else(PoisonError::into_inner) = Levels { pin_volts, shunt_volts };
    }

    /// Both voltages at one instant.
    pub fn levels(&self) -> Levels {
        *self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
