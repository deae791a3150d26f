//! What holds for every chip: read by its own driver, on simulated registers.

mod rig;

use std::time::Duration;

use embedded_hal::i2c::I2c as _;
use ems_simulator::{Ina228, Max17048, errno};

use super::testing::{ADDRESS, Bench, assert_close, device, wiring};
use super::{CurrentSign, RetryHint, SensorKind, Shunt, Wiring, chips};
use rig::RIGS;

#[test]
fn it_is_read_to_its_resolution_on_a_controller_that_refuses_two_reads_in_a_transfer() {
    for rig in &RIGS {
        let (bench, _) = rig.bench();
        rig.assert_reads(rig.open(&bench).read(), rig.volts, 10.0);
    }
}

#[test]
fn noise_on_the_pins_is_in_each_reading_and_averages_out() {
    for rig in &RIGS {
        let (bench, _) = rig.bench();
        let mut monitor = rig.open(&bench);
        bench.pins.set_noise(3.0 * rig.steps.0, 3.0 * rig.steps.1.unwrap_or_default() * 2e-3, 7);
        let readings: Vec<_> = (0..200)
            .map(|_| {
                bench.hand.advance(Duration::from_millis(700));
                monitor.read().unwrap()
            })
            .collect();
        let spread = |of: &dyn Fn(&super::Reading) -> f64| {
            let mean = readings.iter().map(of).sum::<f64>() / 200.0;
            (mean, (readings.iter().map(|r| (of(r) - mean).powi(2)).sum::<f64>() / 200.0).sqrt())
        };
        let (mean, sigma) = spread(&|reading| reading.voltage);
        assert_close(mean, rig.volts, rig.steps.0);
        assert!((2.0..4.0).contains(&(sigma / rig.steps.0)), "{}: {sigma} V", rig.name());
        if let Some(step) = rig.steps.1 {
            let (mean, sigma) = spread(&|reading| reading.current.unwrap());
            assert_close(mean, 10.0, step);
            assert!((2.0..4.0).contains(&(sigma / step)), "{}: {sigma} A", rig.name());
        }
    }
}

#[test]
fn each_reading_is_of_what_the_pins_have_had_for_a_second() {
    for rig in &RIGS {
        let (bench, _) = rig.bench();
        let mut monitor = rig.open(&bench);
        for step in 1..10 {
            let part = f64::from(step) / 10.0;
            bench.pins.set(rig.volts * part, -0.02 * part);
            bench.hand.advance(Duration::from_secs(1));
            rig.assert_reads(monitor.read(), rig.volts * part, -10.0 * part);
        }
    }
}

#[test]
fn at_10_hz_each_reading_finds_its_conversion_without_waiting() {
    for rig in &RIGS {
        let (bench, _) = rig.bench();
        let mut monitor = rig.open(&bench);
        monitor.read().unwrap();
        for _ in 0..10 {
            bench.hand.advance(Duration::from_millis(100));
            let asked = bench.hand.clock().now();
            monitor.read().unwrap();
            assert_eq!(bench.hand.clock().now(), asked, "{}", rig.name());
        }
    }
}

#[test]
fn the_sign_and_the_divider_are_the_boards() {
    for rig in &RIGS {
        for (current_sign, amps) in [(CurrentSign::Normal, 2.0), (CurrentSign::Inverted, -2.0)] {
            let (bench, _) = rig.bench();
            let shunt = Shunt { ohms: 0.01, rated_amps: None };
            let wiring = Wiring { shunt, current_sign, ..wiring(rig.kind) };
            rig.assert_reads(rig.open_with(&bench, wiring).unwrap().read(), rig.volts, amps);
        }
    }
}

#[test]
fn a_restart_of_the_chip_at_any_message_never_gives_a_wrong_value_and_is_told_once() {
    for rig in &RIGS {
        for message in 0..20 {
            let (bench, faults) = rig.bench();
            let mut monitor = rig.open(&bench);
            rig.assert_reads(monitor.read(), rig.volts, 10.0);
            bench.hand.advance(Duration::from_secs(1));
            faults.brown_out_after(message);
            let mut restarts = 0;
            for _ in 0..6 {
                match monitor.read() {
                    Err(error) => {
                        restarts += 1;
                        let expected = ("SENSOR_RESET", RetryHint::Read);
                        assert_eq!((error.flag(), error.retry_hint()), expected, "{error}");
                        // The others are SHUNT_CAL and DIAG_ALRT of an INA228, if the restart comes between its settings.
                        let found = [rig.at_power_on, "0x1000", "0x0001", "0x0003"];
                        let found = found.map(|word| format!("configuration {word} (time 1)"));
                        let words = error.to_string();
                        assert!(found.iter().any(|found| words.contains(found)), "{error}");
                    }
                    read => rig.assert_reads(read, rig.volts, 10.0),
                }
                bench.hand.advance(Duration::from_secs(1));
            }
            assert_eq!(restarts, 1, "{}: restart before message {message}", rig.name());
        }
    }
}

#[test]
fn a_chip_that_stops_answering_at_any_message_is_named() {
    for rig in &RIGS {
        for message in 0..4 {
            let (bench, faults) = rig.bench();
            let mut monitor = rig.open(&bench);
            monitor.read().unwrap();
            bench.hand.advance(Duration::from_secs(1));
            faults.nak_after(message);
            let error = monitor.read().unwrap_err();
            let words = format!("{} at 0x40 on /dev/i2c-1 does not answer (errno 121, reading ", rig.name());
            assert!(error.to_string().starts_with(&words), "{error}");
            assert_eq!(error.retry_hint(), RetryHint::Reopen);
        }
    }
}

#[test]
fn each_fault_of_the_bus_keeps_its_errno_also_while_opening() {
    for rig in &RIGS {
        for number in [errno::EREMOTEIO, errno::ETIMEDOUT, errno::EIO, errno::EOPNOTSUPP] {
            let (bench, _) = rig.bench();
            let mut monitor = rig.open(&bench);
            bench.bus.set_fault(Some(number));
            let error = monitor.read().unwrap_err();
            assert_eq!((error.errno(), error.retry_hint()), (Some(number), RetryHint::Reopen));
            assert_eq!(rig.open_with(&bench, wiring(rig.kind)).err().unwrap().errno(), Some(number));
        }
    }
}

#[test]
fn what_is_beyond_the_range_is_not_believed() {
    for rig in &RIGS {
        let (bench, _) = rig.bench();
        let mut monitor = rig.open(&bench);
        bench.pins.set(120.0, 0.0);
        bench.hand.advance(Duration::from_secs(1));
        let error = monitor.read().unwrap_err();
        assert_eq!((error.kind(), error.flag()), ("bus out of range", "COMM_LOSS"), "{error}");
        if rig.steps.1.is_some() {
            for volts in [0.4, -0.4] {
                bench.pins.set(rig.volts, volts);
                bench.hand.advance(Duration::from_secs(1));
                assert_eq!(monitor.read().unwrap_err().kind(), "shunt out of range");
            }
        }
    }
}

#[test]
fn an_ina228_or_ina238_with_other_ids_is_refused_before_anything_is_written() {
    for (kind, manufacturer, id, words) in [
        (SensorKind::Ina228, 0x5449, 0x2381, "another chip of Texas Instruments"),
        (SensorKind::Ina228, 0x1234, 0x2281, "a clone or another maker's chip"),
        (SensorKind::Ina238, 0x5449, 0x2281, "another chip of Texas Instruments"),
        (SensorKind::Ina238, 0xFFFF, 0xFFFF, "a chip without ids"),
    ] {
        let bench = Bench::default();
        let chip = Ina228::with_clock(bench.pins.clone(), bench.hand.clock()).with_ids(manufacturer, id);
        bench.bus.attach(ADDRESS, Box::new(chip));
        let opened = chips::open(bench.bus.clone(), bench.delay(), device("INA228"), wiring(kind));
        let error = opened.err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.retry_hint(), RetryHint::Technician);
        let mut config = [0; 2];
        bench.bus.clone().write_read(ADDRESS, &[0x01], &mut config).unwrap();
        assert_eq!(config, [0xFB, 0x68]);
    }
}

#[test]
fn a_chip_that_was_changed_for_another_between_two_readings_is_told_and_not_written_to() {
    for rig in RIGS.iter().filter(|rig| !chips::datasheet(rig.kind, None).ids.is_empty()) {
        let (bench, _) = rig.bench();
        let mut monitor = rig.open(&bench);
        monitor.read().unwrap();
        let other = |chip: Ina228| chip.with_ids(0x5449, 0x2291);
        bench
            .bus
            .attach(ADDRESS, Box::new(other(Ina228::with_clock(bench.pins.clone(), bench.hand.clock()))));
        bench.hand.advance(Duration::from_secs(1));
        let mut read = || monitor.read();
        let error = std::iter::repeat_with(&mut read).find_map(Result::err).unwrap();
        assert_eq!((error.kind(), error.retry_hint()), ("wrong chip", RetryHint::Technician), "{error}");
        let mut config = [0; 2];
        bench.bus.clone().write_read(ADDRESS, &[0x01], &mut config).unwrap();
        assert_eq!(config, [0xFB, 0x68], "{}", rig.name());
    }
}

#[test]
fn what_is_no_gauge_is_refused() {
    for version in [0, 0x5449, 0xFFFF] {
        let bench = Bench::default();
        bench.bus.attach(ADDRESS, Box::new(Max17048::new(bench.pins.clone()).with_version(version)));
        let wiring = wiring(SensorKind::Max17048);
        let opened = chips::open(bench.bus.clone(), bench.delay(), device("MAX17048"), wiring);
        assert!(opened.err().unwrap().to_string().contains("VERSION"));
    }
}

#[test]
fn a_gauge_that_has_just_started_gives_no_0_v() {
    let bench = Bench::default();
    bench.pins.set(3.7, 0.0);
    let chip = Max17048::max17043(bench.pins.clone(), bench.hand.clock());
    let faults = chip.faults();
    bench.bus.attach(ADDRESS, Box::new(chip));
    let wiring = wiring(SensorKind::Max17048);
    let mut monitor = chips::open(bench.bus.clone(), bench.delay(), device("MAX17048"), wiring).unwrap();
    assert_eq!(monitor.read().unwrap_err().kind(), "no conversion");
    bench.hand.advance(Duration::from_secs(1));
    assert_close(monitor.read().unwrap().voltage, 3.7, 1.25e-3);
    faults.brown_out();
    assert_eq!(monitor.read().unwrap_err().flag(), "SENSOR_RESET");
    assert_eq!(monitor.read().unwrap_err().kind(), "no conversion");
    bench.hand.advance(Duration::from_secs(1));
    assert_close(monitor.read().unwrap().voltage, 3.7, 1.25e-3);
}
