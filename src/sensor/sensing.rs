//! What sensing between two samples is worth: loads that are shorter than a sample, through the driver, in simulated time.

use std::time::{Duration, Instant};

use ems_simulator::{Ina219, Ina226, Ina228};

use super::integrator::Integrator;
use super::testing::{ADDRESS, Bench, device, wiring};
use super::{SensorKind, chips};
use crate::battery::protection::Limits;
use crate::battery::{Battery, Chemistry, Measured, Pack, SensorErrors, Setup, sensing};

/// -40 A through 2 mΩ.
const PULSE_AMPS: f64 = -40.0;
const SHUNT_OHMS: f64 = 2e-3;
/// What a chip averages, as it is set up here.
const CONVERSION_MS: u64 = 68;
const SECONDS: u64 = 600;

/// A load that is on for a part of each period.
#[derive(Debug, Clone, Copy)]
struct Pulses {
    /// All in ms.
    period: u64,
    on: u64,
    from: u64,
}

impl Pulses {
    fn is_on(self, ms: u64) -> bool {
        (ms + self.period - self.from) % self.period < self.on
    }

    fn true_ah(self) -> f64 {
        let on = (0..SECONDS * 1000).filter(|ms| self.is_on(*ms)).count();
        PULSE_AMPS * on as f64 / 3_600_000.0
    }
}

/// Ah and the state of charge that the estimator makes of it after ten minutes, with so many readings to a second.
fn counted(kind: SensorKind, pulses: Pulses, readings: u64) -> (f64, f64) {
    let bench = Bench::default();
    let (pins, clock) = (bench.pins.clone(), bench.hand.clock());
    match kind {
        SensorKind::Ina219 => bench.bus.attach(ADDRESS, Box::new(Ina219::with_clock(pins, clock))),
        SensorKind::Ina226 => bench.bus.attach(ADDRESS, Box::new(Ina226::with_clock(pins, clock))),
        _ => bench.bus.attach(ADDRESS, Box::new(Ina228::ina238(pins, clock))),
    }
    bench.pins.set(13.2, 0.0);
    let mut monitor = chips::open(bench.bus.clone(), bench.delay(), device("a chip"), wiring(kind)).unwrap();
    let pack = Pack { chemistry: Chemistry::Lfp, cells_series: 4, capacity_ah: 100.0 };
    let errors = SensorErrors::of(&sensing::INA226, SHUNT_OHMS, 1.0);
    let setup = Setup { pack, errors, full_cell_volts: 3.5, standby_amps: 0.0, interval_seconds: 1.0 };
    let mut battery = Battery::new(setup, Limits::usual(&pack, 3.5));
    battery.start_at(70.0);
    let mut sum = (readings > 1).then(Integrator::new);
    let begin = Instant::now();
    for ms in 0..SECONDS * 1000 {
        bench.hand.advance(Duration::from_millis(1));
        if ms % (1000 / readings) != 0 {
            continue;
        }
        // The mean over the conversion that ended last; conversions go on by themselves.
        let ended = ms / CONVERSION_MS * CONVERSION_MS;
        let on = (ended.saturating_sub(CONVERSION_MS)..ended).filter(|ms| pulses.is_on(*ms)).count();
        let amps = PULSE_AMPS * on as f64 / CONVERSION_MS as f64;
        bench.pins.set(13.2 + 0.001 * amps, amps * SHUNT_OHMS);
        bench.hand.advance(Duration::from_millis(if ms == 0 { 100 } else { 0 }));
        let at = begin + Duration::from_millis(ms);
        let reading = match (&mut sum, ms % 1000) {
            (Some(sum), 0) => sum.report(at, monitor.read().unwrap()),
            (Some(sum), _) => {
                sum.note(at, &monitor.sense().unwrap());
                continue;
            }
            (None, _) => monitor.read().unwrap(),
        };
        let measured = Measured { voltage: reading.voltage, current: reading.current, temperature: None };
        battery.update_counted(measured, reading.charge, Duration::from_secs(1));
    }
    let meter = battery.details().meter;
    (-meter.discharged_ah, battery.estimate().soc)
}

/// Loads with the period of the samples, and near it.
const LOADS: [Pulses; 5] = [
    Pulses { period: 1000, on: 300, from: 100 },
    Pulses { period: 1000, on: 300, from: 900 },
    Pulses { period: 1000, on: 120, from: 440 },
    Pulses { period: 500, on: 250, from: 0 },
    Pulses { period: 2000, on: 600, from: 1500 },
];

#[test]
fn pulses_in_step_with_the_samples_are_missed_or_doubled_by_one_reading_a_second_and_counted_by_ten() {
    for kind in [SensorKind::Ina219, SensorKind::Ina226, SensorKind::Ina238] {
        for pulses in LOADS {
            let truth = pulses.true_ah();
            let (slow, fast) = (counted(kind, pulses, 1), counted(kind, pulses, 10));
            let errors = [slow.0 - truth, fast.0 - truth];
            println!(
                "{kind:?} {pulses:?}: {truth:.2} Ah; by 1 a second {:.2} Ah and {:.1} %, by 10 {:.2} Ah and {:.1} %",
                slow.0, slow.1, fast.0, fast.1
            );
            assert!(errors[0].abs() > 0.5 * truth.abs(), "{kind:?} {pulses:?}: {slow:?} of {truth}");
            assert!(errors[1].abs() < 0.1 * truth.abs(), "{kind:?} {pulses:?}: {fast:?} of {truth}");
            assert!((fast.1 - 70.0 - truth).abs() < 1.0, "{kind:?} {pulses:?}: {fast:?} of {truth}");
        }
    }
}
