use std::time::Duration;

use ems_simulator::{BusFault, Chip, Faults, Ina219, Ina226, SimulatedBus, Terminals};

use super::super::testing::{ADDRESS, Bench, TurnsClock, assert_close, device, wiring};
use super::super::{SensorKind, Shunt};
use super::*;

type Monitor = Ina219Monitor<SimulatedBus, TurnsClock>;

fn open_with(bench: &Bench, wiring: Wiring) -> Result<Monitor, SensorError> {
    Ina219Monitor::open(bench.bus.clone(), bench.delay(), device("INA219"), wiring)
}

fn open(bench: &Bench) -> Monitor {
    open_with(bench, wiring(SensorKind::Ina219)).unwrap()
}

fn plug_in(bench: &Bench) -> Faults {
    let chip = Ina219::with_clock(bench.pins.clone(), bench.hand.clock());
    let faults = chip.faults();
    bench.bus.attach(ADDRESS, Box::new(chip));
    faults
}

#[track_caller]
fn assert_reads(result: Result<Reading, SensorError>, voltage: f64, current: f64) {
    let reading = result.unwrap();
    assert_close(reading.voltage, voltage, 4e-3);
    assert_close(reading.current.unwrap(), current, 5e-3);
}

#[test]
fn each_reading_is_of_a_new_conversion() {
    let bench = Bench::default();
    plug_in(&bench);
    let mut monitor = open(&bench);
    for step in 1..10 {
        bench.pins.set(f64::from(step), -2e-3 * f64::from(step));
        assert_reads(monitor.read(), f64::from(step), -f64::from(step));
    }
}

#[test]
fn the_range_leaves_room_for_twice_the_rated_shunt_voltage() {
    for (rated, millivolts) in [
        (Some(0.02), 40),
        (Some(0.03), 80),
        (Some(0.075), 160),
        (Some(0.1), 320),
        (Some(0.3), 320),
        (None, 320),
    ] {
        assert_eq!(*configuration(rated).shunt_voltage_range.range_mv().end(), millivolts);
    }
}

#[test]
fn inputs_at_the_end_of_the_range_are_reported_and_not_believed() {
    let shunt = Shunt { ohms: 2e-3, rated_amps: Some(10.0) };
    for (rated, full_scale) in [(shunt.rated_amps, 0.04), (None, 0.32)] {
        let bench = Bench::default();
        plug_in(&bench);
        let shunt = Shunt { rated_amps: rated, ..shunt };
        let mut monitor = open_with(&bench, Wiring { shunt, ..wiring(SensorKind::Ina219) }).unwrap();
        for (pin, shunt) in [(26.0, 0.0), (12.0, full_scale - 1e-5), (12.0, 1e-5 - full_scale)] {
            bench.pins.set(pin, shunt);
            assert_reads(monitor.read(), pin, shunt / 2e-3);
        }
        for (pin, shunt, input) in [
            (26.01, 0.0, "bus voltage"),
            (48.0, 0.0, "bus voltage"),
            (12.0, full_scale, "shunt voltage"),
            (12.0, -2.0 * full_scale, "shunt voltage"),
        ] {
            bench.pins.set(pin, shunt);
            let error = monitor.read().unwrap_err();
            assert!(
                matches!(&error, SensorError::OutOfRange { reach, .. } if reach.input == input),
                "{error}"
            );
        }
    }
}

#[test]
fn behind_a_divider_there_is_a_voltage_and_no_current() {
    let bench = Bench::default();
    bench.pins.set(17.6, 0.32);
    plug_in(&bench);
    let mut monitor = open_with(&bench, Wiring { divider: 3.0, ..wiring(SensorKind::Ina219) }).unwrap();
    let reading = monitor.read().unwrap();
    assert_close(reading.voltage, 52.8, 12e-3);
    assert_eq!(reading.current, None);
}

#[test]
fn a_restart_is_named_even_if_the_shunt_is_then_beyond_the_range_we_had_set() {
    let bench = Bench::default();
    let faults = plug_in(&bench);
    let shunt = Shunt { ohms: 2e-3, rated_amps: Some(10.0) };
    let mut monitor = open_with(&bench, Wiring { shunt, ..wiring(SensorKind::Ina219) }).unwrap();
    bench.pins.set(12.0, 0.2);
    faults.brown_out();
    assert_eq!(monitor.read().unwrap_err().flag(), "SENSOR_RESET");
}

#[test]
fn a_configuration_that_cannot_be_restored_at_once_is_not_forgotten() {
    let bench = Bench::default();
    let faults = plug_in(&bench);
    let mut monitor = open(&bench);
    monitor.read().unwrap();
    bench.hand.advance(Duration::from_secs(1));
    // The four registers are read in eight messages; the write that restores the configuration is the ninth.
    faults.brown_out();
    bench.hand.advance(Duration::from_secs(1));
    I2c::read(&mut bench.bus.clone(), ADDRESS, &mut [0; 2]).unwrap();
    bench.hand.advance(Duration::from_secs(1));
    faults.nak_after(8);
    assert_eq!(monitor.read().unwrap_err().errno(), Some(121));
    faults.heal();
    bench.hand.advance(Duration::from_secs(1));
    assert_eq!(monitor.read().unwrap_err().flag(), "SENSOR_RESET");
    assert!(monitor.read().is_ok());
}

#[test]
fn a_calibration_that_another_program_left_does_not_disturb() {
    let bench = Bench::default();
    bench.pins.set(12.0, 0.3);
    plug_in(&bench);
    let mut monitor = open(&bench);
    I2c::write(&mut bench.bus.clone(), ADDRESS, &[0x05, 0xFF, 0xFE]).unwrap();
    assert_reads(monitor.read(), 12.0, 150.0);
}

/// Answers every read with the same byte.
struct Always(u8);

impl Chip for Always {
    fn write(&mut self, _: &[u8]) -> Result<(), BusFault> {
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault> {
        buffer.fill(self.0);
        Ok(())
    }
}

#[test]
fn what_does_not_reset_like_an_ina219_is_refused() {
    let chips: [Box<dyn Chip>; 3] =
        [Box::new(Always(0xFF)), Box::new(Always(0)), Box::new(Ina226::new(Terminals::default()))];
    for chip in chips {
        let bench = Bench::default();
        bench.bus.attach(ADDRESS, chip);
        let error = open_with(&bench, wiring(SensorKind::Ina219)).err().unwrap();
        assert!(error.to_string().contains("is no INA219"), "{error}");
    }
}
