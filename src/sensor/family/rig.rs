//! Every chip on a bench.

use std::time::Duration;

use ems_simulator::{Ads1115, Chip, Clock, Faults, Ina219, Ina226, Ina228, Max17048, Terminals};

use crate::sensor::testing::{ADDRESS, Bench, assert_close, device, wiring};
use crate::sensor::{BatteryMonitor, Reading, SensorError, SensorKind, Wiring, chips};

/// A chip, and what its readings look like.
pub(super) struct Rig {
    pub(super) kind: SensorKind,
    plug: fn(Terminals, Clock) -> (Box<dyn Chip>, Faults),
    /// Half the range of the bus pin, in V.
    pub(super) volts: f64,
    /// One step of its voltage in V, and of its current through 2 mΩ in A; `None` if it measures none.
    pub(super) steps: (f64, Option<f64>),
    /// What its configuration is at power-on.
    pub(super) at_power_on: &'static str,
}

macro_rules! plug {
    ($($chip:tt)+) => {
        |terminals, clock| {
            let chip = $($chip)+(terminals, clock);
            let faults = chip.faults();
            (Box::new(chip), faults)
        }
    };
}

pub(super) const RIGS: [Rig; 9] = [
    Rig {
        kind: SensorKind::Ina219,
        plug: plug!(Ina219::with_clock),
        volts: 13.0,
        steps: (4e-3, Some(5e-3)),
        at_power_on: "0x399f",
    },
    Rig {
        kind: SensorKind::Ina226,
        plug: plug!(Ina226::with_clock),
        volts: 18.0,
        steps: (1.25e-3, Some(1.25e-3)),
        at_power_on: "0x4127",
    },
    Rig {
        kind: SensorKind::Ina228,
        plug: plug!(Ina228::with_clock),
        volts: 53.2,
        steps: (195.3125e-6, Some(156.25e-6)),
        at_power_on: "0xfb68",
    },
    Rig {
        kind: SensorKind::Ina238,
        plug: plug!(Ina228::ina238),
        volts: 53.2,
        steps: (3.125e-3, Some(2.5e-3)),
        at_power_on: "0xfb68",
    },
    Rig {
        kind: SensorKind::Ina238,
        plug: plug!(Ina228::ina237),
        volts: 53.2,
        steps: (3.125e-3, Some(2.5e-3)),
        at_power_on: "0xfb68",
    },
    Rig {
        kind: SensorKind::Max17048,
        plug: plug!(Max17048::with_clock),
        volts: 3.7,
        steps: (156.25e-6, None),
        at_power_on: "0x971c",
    },
    Rig {
        kind: SensorKind::Max17048,
        plug: plug!(Max17048::max17043),
        volts: 3.7,
        steps: (1.25e-3, None),
        at_power_on: "0x971c",
    },
    Rig {
        kind: SensorKind::Max17048,
        plug: plug!(Max17048::max17040),
        volts: 3.7,
        steps: (1.25e-3, None),
        at_power_on: "0x9700",
    },
    Rig {
        kind: SensorKind::Ads1115,
        plug: plug!(Ads1115::with_clock),
        volts: 3.0,
        steps: (125e-6, None),
        at_power_on: "0x8583",
    },
];

impl Rig {
    /// A bench with this chip at half its range and 10 A, powered for a while.
    pub(super) fn bench(&self) -> (Bench, Faults) {
        let bench = Bench::default();
        bench.pins.set(self.volts, 0.02);
        let (chip, faults) = (self.plug)(bench.pins.clone(), bench.hand.clock());
        bench.bus.attach(ADDRESS, chip);
        bench.hand.advance(Duration::from_secs(1));
        (bench, faults)
    }

    pub(super) fn open_with(
        &self,
        bench: &Bench,
        wiring: Wiring,
    ) -> Result<Box<dyn BatteryMonitor>, SensorError> {
        chips::open(bench.bus.clone(), bench.delay(), device(self.name()), wiring)
    }

    pub(super) fn open(&self, bench: &Bench) -> Box<dyn BatteryMonitor> {
        self.open_with(bench, wiring(self.kind)).unwrap()
    }

    pub(super) fn name(&self) -> &'static str {
        chips::datasheet(self.kind, None).chip
    }

    #[track_caller]
    pub(super) fn assert_reads(&self, result: Result<Reading, SensorError>, volts: f64, amps: f64) {
        let reading = result.unwrap();
        assert_close(reading.voltage, volts, self.steps.0);
        match self.steps.1 {
            Some(step) => assert_close(reading.current.unwrap(), amps, step),
            None => assert_eq!(reading.current, None),
        }
    }
}
