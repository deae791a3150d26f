//! What the drivers' tests have in common: a bus whose time passes only when a driver waits.

use std::time::Duration;

use embedded_hal::delay::DelayNs;
use ems_simulator::{ManualClock, SimulatedBus, Terminals};

use super::{CurrentSign, Device, SensorKind, Shunt, Wiring};

pub(super) const ADDRESS: u8 = 0x40;

/// A bus, the pins of the chip on it, and the time they live by.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) bus: SimulatedBus,
    pub(super) pins: Terminals,
    pub(super) hand: ManualClock,
}

impl Bench {
    pub(super) fn delay(&self) -> TurnsClock {
        TurnsClock(self.hand.clone())
    }
}

/// Waiting, as turning the clock forward.
#[derive(Clone)]
pub(super) struct TurnsClock(ManualClock);

impl DelayNs for TurnsClock {
    fn delay_ns(&mut self, ns: u32) {
        self.0.advance(Duration::from_nanos(ns.into()));
    }
}

pub(super) fn device(chip: &'static str) -> Device {
    Device { chip, address: ADDRESS, bus: std::path::Path::new("/dev/i2c-1").into() }
}

/// A 2 mΩ shunt, no divider.
pub(super) fn wiring(kind: SensorKind) -> Wiring {
    Wiring {
        kind,
        bus: "/dev/i2c-1".into(),
        address: ADDRESS,
        shunt: Shunt { ohms: 2e-3, rated_amps: None },
        current_sign: CurrentSign::Normal,
        divider: 1.0,
        temperature_probe: None,
        sense: None,
    }
}

#[track_caller]
pub(super) fn assert_close(actual: f64, expected: f64, resolution: f64) {
    assert!((actual - expected).abs() <= resolution, "{actual} is not {expected} ± {resolution}");
}
