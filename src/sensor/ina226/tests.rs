use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded_hal::i2c::{ErrorType, Operation};
use ems_simulator::{BusFault, Chip, Faults, Ina226, SimulatedBus};

use super::super::testing::{ADDRESS, Bench, TurnsClock, assert_close, device, wiring};
use super::super::{CurrentSign, RetryHint, SensorKind, Shunt};
use super::*;

type Monitor = Ina226Monitor<SimulatedBus, TurnsClock>;

fn open_with(bench: &Bench, wiring: Wiring) -> Result<Monitor, SensorError> {
    Ina226Monitor::open(bench.bus.clone(), bench.delay(), device("INA226"), wiring)
}

fn open(bench: &Bench) -> Monitor {
    open_with(bench, wiring(SensorKind::Ina226)).unwrap()
}

fn plug_in(bench: &Bench) -> Faults {
    let chip = Ina226::with_clock(bench.pins.clone(), bench.hand.clock());
    let faults = chip.faults();
    bench.bus.attach(ADDRESS, Box::new(chip));
    faults
}

#[track_caller]
fn assert_reads(result: Result<Reading, SensorError>, voltage: f64, current: f64) {
    let reading = result.unwrap();
    assert_close(reading.voltage, voltage, 1.25e-3);
    assert_close(reading.current.unwrap(), current, 1.25e-3);
}

#[test]
fn the_configuration_word_is_what_the_crate_writes() {
    let bench = Bench::default();
    plug_in(&bench);
    let mut monitor = open(&bench);
    assert_eq!(monitor.chip.configuration_raw(), Ok(CONFIGURATION_WORD));
}

#[test]
fn the_first_reading_waits_for_a_conversion_instead_of_reading_0() {
    let bench = Bench::default();
    bench.pins.set(11.98, 0.02);
    plug_in(&bench);
    assert_reads(open(&bench).read(), 11.98, 10.0);
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
fn a_48_v_pack_behind_a_divider_and_a_low_side_shunt_is_read_to_the_chips_resolution() {
    let bench = Bench::default();
    bench.pins.set(53.2 / 2.0, -40.0 * 750e-6);
    plug_in(&bench);
    let shunt = Shunt { ohms: 750e-6, rated_amps: Some(100.0) };
    let normal = Wiring { shunt, divider: 2.0, ..wiring(SensorKind::Ina226) };
    let inverted = Wiring { current_sign: CurrentSign::Inverted, ..normal.clone() };
    for (wiring, current) in [(normal, -40.0), (inverted, 40.0)] {
        let reading = open_with(&bench, wiring).unwrap().read().unwrap();
        assert_close(reading.voltage, 53.2, 2.5e-3);
        assert_close(reading.current.unwrap(), current, 2.5e-6 / 750e-6);
    }
}

#[test]
fn inputs_at_the_end_of_the_range_are_reported_and_not_believed() {
    let bench = Bench::default();
    plug_in(&bench);
    let mut monitor = open(&bench);
    for (pin, shunt) in [(36.0, 0.0), (0.0, 0.0819), (0.0, -0.0819)] {
        bench.pins.set(pin, shunt);
        assert_reads(monitor.read(), pin, shunt / 2e-3);
    }
    for (pin, shunt, input) in [
        (36.01, 0.0, "bus voltage"),
        (60.0, 0.0, "bus voltage"),
        (12.0, 0.1, "shunt voltage"),
        (12.0, -0.1, "shunt voltage"),
    ] {
        bench.pins.set(pin, shunt);
        let error = monitor.read().unwrap_err();
        assert!(matches!(&error, SensorError::OutOfRange { reach, .. } if reach.input == input), "{error}");
        assert_eq!(error.flag(), "COMM_LOSS");
    }
}

#[test]
fn restarts_are_counted() {
    let bench = Bench::default();
    let faults = plug_in(&bench);
    let mut monitor = open(&bench);
    for restart in 1..=3 {
        faults.brown_out();
        let lost = monitor.read().unwrap_err();
        assert!(
            matches!(lost, SensorError::ConfigurationLost { count, power_on: true, .. } if count == restart)
        );
        assert!(monitor.read().is_ok());
    }
}

#[test]
fn a_configuration_that_another_program_wrote_is_noticed_and_put_right() {
    let bench = Bench::default();
    plug_in(&bench);
    let mut monitor = open(&bench);
    for foreign in [0x4007_u16, 0x4000] {
        let [high, low] = foreign.to_be_bytes();
        I2c::write(&mut bench.bus.clone(), ADDRESS, &[0x00, high, low]).unwrap();
        let error = monitor.read().unwrap_err();
        assert!(error.to_string().contains("stop the other program"), "{error}");
        assert!(monitor.read().is_ok());
    }
}

/// A bus on which another program asks the chip for its CURRENT before each transfer of ours.
struct Shared(SimulatedBus);

impl ErrorType for Shared {
    type Error = BusFault;
}

impl I2c for Shared {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        self.0.write_read(address, &[0x04], &mut [0; 2])?;
        self.0.transaction(address, operations)
    }
}

#[test]
fn what_another_program_reads_in_between_is_not_taken_for_what_was_asked_for() {
    let bench = Bench::default();
    bench.pins.set(11.98, 0.02);
    plug_in(&bench);
    let shared = Shared(bench.bus.clone());
    let mut monitor =
        Ina226Monitor::open(shared, bench.delay(), device("INA226"), wiring(SensorKind::Ina226)).unwrap();
    assert_reads(monitor.read(), 11.98, 10.0);
}

#[test]
fn a_chip_that_stops_answering_at_any_message_is_named_with_its_register() {
    let registers = ["MASK_ENABLE", "SHUNT_VOLTAGE", "BUS_VOLTAGE", "CONFIGURATION"];
    for (message, register) in (0..).zip(registers.iter().flat_map(|name| [name, name])) {
        let bench = Bench::default();
        let faults = plug_in(&bench);
        let mut monitor = open(&bench);
        monitor.read().unwrap();
        bench.hand.advance(Duration::from_secs(1));
        faults.nak_after(message);
        let error = monitor.read().unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "INA226 at 0x40 on /dev/i2c-1 does not answer (errno 121, reading {register}): check power, \
                 SDA/SCL and the address"
            )
        );
    }
}

#[test]
fn a_chip_that_answers_other_ids_is_refused_in_words() {
    for (manufacturer, die, words) in [
        (0x5318, 0x2260, "a clone or another maker's chip"),
        (0x5449, 0x2281, "another chip of Texas Instruments"),
        (0xFFFF, 0xFFFF, "a chip without ids"),
        (0x0000, 0x0000, "a chip without ids"),
    ] {
        let bench = Bench::default();
        bench.bus.attach(ADDRESS, Box::new(Ina226::new(bench.pins.clone()).with_ids(manufacturer, die)));
        let error = open_with(&bench, wiring(SensorKind::Ina226)).err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.retry_hint(), RetryHint::Technician);
    }
}

#[test]
fn a_later_revision_of_the_die_is_welcome() {
    let bench = Bench::default();
    bench.bus.attach(ADDRESS, Box::new(Ina226::new(bench.pins.clone()).with_ids(0x5449, 0x2261)));
    assert!(open_with(&bench, wiring(SensorKind::Ina226)).is_ok());
}

/// Another chip, which would take a write badly.
struct Foreign {
    written: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Chip for Foreign {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BusFault> {
        self.written.lock().unwrap().push(bytes.to_vec());
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault> {
        buffer.fill(0x11);
        Ok(())
    }
}

#[test]
fn nothing_is_written_into_a_chip_before_it_is_identified() {
    let bench = Bench::default();
    let written = Arc::default();
    bench.bus.attach(ADDRESS, Box::new(Foreign { written: Arc::clone(&written) }));
    assert!(open_with(&bench, wiring(SensorKind::Ina226)).is_err());
    assert_eq!(*written.lock().unwrap(), [[0xFE], [0xFF]]);
}

#[test]
fn a_chip_that_finishes_no_conversion_is_an_error_and_no_old_value() {
    struct NoTime;
    impl DelayNs for NoTime {
        fn delay_ns(&mut self, _: u32) {}
    }
    let bench = Bench::default();
    plug_in(&bench);
    let mut monitor =
        Ina226Monitor::open(bench.bus.clone(), NoTime, device("INA226"), wiring(SensorKind::Ina226)).unwrap();
    assert!(matches!(monitor.read(), Err(SensorError::NoConversion { .. })));
}
