//! `ems-edge` with measuring chips at the other end of real `I2C_RDWR` ioctls: right values, and for everything that
//! goes wrong on a bus a sample that says so, never an old value.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ems_test_harness::{Bench, Bus, Sample};

/// A daemon that measures so many LFP cells with a chip and a shunt of 100 A/75 mV.
fn bench(bus: Bus, chip: &str, cells: u16, more: &[(&str, &str)]) -> Bench {
    let cells = cells.to_string();
    let pack = [("SENSOR", chip), ("SHUNT", "100A/75mV"), ("CHEMISTRY", "lfp"), ("CELLS_SERIES", &cells)];
    Bench::on(bus, &[&pack, [("CAPACITY_AH", "100")].as_slice(), more].concat())
}

/// An INA226 at a pack of 8 cells.
fn ina226(control: &str) -> Bench {
    bench(Bus::new(control), "ina226", 8, &[])
}

/// A step of an INA219's bus voltage is 4 mV, of its shunt 10 µV, which is 13 mA here.
const STEP: f64 = 0.02;

fn measures(bench: &Bench, volts: f64, amps: f64) -> Sample {
    bench.measures((volts, STEP), Some((amps, STEP)))
}

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() < STEP
}

#[test]
fn an_ina219_gives_the_volts_and_amps_of_a_12_volt_pack() {
    let bench = bench(Bus::new("chip 0x40 ina219 volts=13.3 shunt_mv=15"), "ina219", 4, &[]);
    let sample = measures(&bench, 13.3, 20.0);
    assert_eq!(sample.0["system_status"]["state"], "CHARGING");
    let power = sample.0["battery"]["power"].as_f64().unwrap();
    assert!((power - 266.0).abs() < 1.0, "{power} W");
    bench.bus.set("chip 0x40 ina219 volts=12.8 shunt_mv=-37.5");
    assert_eq!(measures(&bench, 12.8, -50.0).0["system_status"]["state"], "DISCHARGING");
    bench.bus.set("chip 0x40 ina219 volts=13.1 shunt_mv=0");
    assert_eq!(measures(&bench, 13.1, 0.0).0["system_status"]["state"], "IDLE");
    bench.is_honest();
}

#[test]
fn an_ina226_behind_a_divider_gives_the_volts_and_amps_of_a_48_volt_pack() {
    let bus = Bus::new("chip 0x44 ina226 volts=26.6 shunt_mv=30");
    let bench = bench(bus, "ina226", 16, &[("I2C_ADDRESS", "0x44"), ("DIVIDER", "2.0")]);
    measures(&bench, 53.2, 40.0);
    bench.bus.set("chip 0x44 ina226 volts=26.0 shunt_mv=-30");
    measures(&bench, 52.0, -40.0);
    bench.is_honest();
}

#[test]
fn an_inverted_shunt_is_turned_round() {
    for (chip, cells, volts) in [("ina219", 4, 13.3), ("ina226", 8, 26.6)] {
        let bus = Bus::new(&format!("chip 0x40 {chip} volts={volts} shunt_mv=-7.5"));
        let bench = bench(bus, chip, cells, &[("CURRENT_SIGN", "inverted")]);
        measures(&bench, volts, 10.0);
    }
}

#[test]
fn a_bus_that_takes_more_than_one_read_a_transfer_gives_the_same_values() {
    // The other tests run on a bus that refuses them, as the Pi's does.
    for (chip, cells, volts) in [("ina219", 4, 13.3), ("ina226", 8, 26.6)] {
        let control = format!("reject_read_not_last off\nchip 0x40 {chip} volts={volts} shunt_mv=7.5");
        measures(&bench(Bus::new(&control), chip, cells, &[]), volts, 10.0);
    }
}

#[test]
fn each_failure_of_a_transfer_is_a_gap_with_its_flag_and_the_values_after_it_are_new() {
    for (errno, flag, words) in [
        (121, "SENSOR_LOST", "check power"),
        (110, "SENSOR_LOST", "power-cycle"),
        (95, "COMM_LOSS", "two reads"),
        (5, "COMM_LOSS", "i2c_arm_baudrate"),
        (16, "SENSOR_LOST", "kernel driver"),
    ] {
        let bench = ina226("chip 0x40 ina226 volts=26.6 shunt_mv=-7.5");
        measures(&bench, 26.6, -10.0);
        bench.bus.set(&format!("chip 0x40 ina226 volts=26.6 shunt_mv=-7.5\nfault {errno}"));
        let lost = bench.loses_the_sensor(flag);
        // The pack goes on while nobody looks.
        bench.bus.set(&format!("chip 0x40 ina226 volts=25.1 shunt_mv=15\nfault {errno}"));
        bench.loses_the_sensor(flag);
        bench.bus.set("chip 0x40 ina226 volts=25.1 shunt_mv=15");
        measures(&bench, 25.1, 20.0);

        let voltages = bench.voltages_after(lost);
        assert!(voltages.iter().all(|&volts| near(volts, 25.1)), "errno {errno}: old values: {voltages:?}");
        bench.is_honest();
        let log = bench.edge.log();
        let said = log.contains("INA226 at 0x40") && log.contains(&errno.to_string()) && log.contains(words);
        assert!(said, "errno {errno} is not explained:\n{log}");
        assert!(log.lines().count() < 30, "a line for each failed reading:\n{log}");
    }
}

#[test]
fn a_wrong_address_is_a_lost_sensor_until_a_chip_is_there() {
    let bench = ina226("chip 0x41 ina226 volts=26.6 shunt_mv=7.5");
    bench.loses_the_sensor("SENSOR_LOST");
    assert!(bench.edge.log().contains("INA226 at 0x40"), "{}", bench.edge.log());
    bench.bus.set("chip 0x40 ina226 volts=26.6 shunt_mv=7.5");
    measures(&bench, 26.6, 10.0);
    bench.is_honest();
}

#[test]
fn a_missing_device_node_is_a_lost_sensor_until_it_appears() {
    let bus = Bus::new("chip 0x40 ina226 volts=26.6 shunt_mv=7.5");
    bus.unplug();
    let bench = bench(bus, "ina226", 8, &[]);
    bench.loses_the_sensor("SENSOR_LOST");
    assert!(bench.edge.log().contains("dtparam=i2c_arm=on"), "{}", bench.edge.log());
    bench.bus.plug_in();
    measures(&bench, 26.6, 10.0);
    bench.is_honest();
}

#[test]
fn a_chip_that_lost_its_configuration_is_noticed_told_and_configured_again() {
    for (chip, cells) in [("ina219", 4), ("ina226", 4)] {
        let control = |volts: f64, count: usize| {
            format!("chip 0x40 {chip} volts={volts} shunt_mv=-7.5\nreset 0x40 {count}")
        };
        let bench = bench(Bus::new(&control(13.3, 0)), chip, cells, &[]);
        measures(&bench, 13.3, -10.0);
        for count in 1..=3usize {
            let volts = [13.2, 13.1, 13.0][count - 1];
            bench.bus.set(&control(volts, count));
            measures(&bench, volts, -10.0);
            let samples = bench.samples();
            let resets = samples.iter().filter(|sample| sample.flags() == ["SENSOR_RESET"]).count();
            assert_eq!(resets, count, "{chip}: a sample says that the chip was reset");
        }
        let samples = bench.samples();
        let wrong: Vec<_> =
            samples.iter().filter(|s| s.current().is_some_and(|amps| !near(amps, -10.0))).collect();
        assert!(wrong.is_empty(), "{chip}: a chip without its configuration was believed: {wrong:?}");
        bench.is_honest();
    }
}

#[test]
fn a_clone_with_another_id_is_not_believed() {
    let bench = ina226("chip 0x40 ina226 volts=26.6 shunt_mv=7.5\nid 0x40 0x5449 0x2270");
    bench.loses_the_sensor("COMM_LOSS");
    let log = bench.edge.log();
    assert!(log.contains("0x2270") && log.contains("SENSOR"), "{log}");
    let samples = bench.samples();
    assert!(samples.iter().all(Sample::is_gap), "{samples:?}");
    bench.bus.set("chip 0x40 ina226 volts=26.6 shunt_mv=7.5");
    measures(&bench, 26.6, 10.0);
}

#[test]
fn a_bus_that_hangs_delays_no_sample_and_recovers() {
    let bench = ina226("chip 0x40 ina226 volts=26.6 shunt_mv=7.5");
    measures(&bench, 26.6, 10.0);
    bench.bus.set("chip 0x40 ina226 volts=25.5 shunt_mv=7.5\nhang");
    let lost = bench.loses_the_sensor("SENSOR_LOST");
    bench.bus.set("chip 0x40 ina226 volts=25.5 shunt_mv=7.5");
    measures(&bench, 25.5, 10.0);
    assert!(bench.voltages_after(lost).iter().all(|&volts| near(volts, 25.5)));
    bench.is_honest();
}

#[test]
fn a_slow_bus_gives_gaps_not_late_values() {
    // Slower than the part of the interval that a reading has.
    let bench = ina226("chip 0x40 ina226 volts=26.6 shunt_mv=7.5\ndelay_ms 500");
    bench.loses_the_sensor("SENSOR_LOST");
    bench.bus.set("chip 0x40 ina226 volts=25.5 shunt_mv=7.5");
    measures(&bench, 25.5, 10.0);
    let samples = bench.samples();
    assert!(samples.iter().filter_map(Sample::voltage).all(|volts| near(volts, 25.5)), "{samples:?}");
}

#[test]
fn voltages_beyond_the_range_of_the_chip_are_not_believed() {
    for (control, what) in [
        ("chip 0x40 ina226 volts=26.6 shunt_mv=90", "the shunt above 81.92 mV"),
        ("chip 0x40 ina226 volts=26.6 shunt_mv=-90", "the shunt below -81.92 mV"),
    ] {
        let bench = ina226("chip 0x40 ina226 volts=26.6 shunt_mv=7.5");
        measures(&bench, 26.6, 10.0);
        bench.bus.set(control);
        bench.loses_the_sensor("COMM_LOSS");
        assert!(bench.edge.log().contains("range"), "{what}: {}", bench.edge.log());
        bench.bus.set("chip 0x40 ina226 volts=26.6 shunt_mv=-7.5");
        measures(&bench, 26.6, -10.0);
    }
}

#[test]
fn pulses_in_step_with_the_samples_are_in_their_means_unless_sensing_is_off() {
    // -40 A for 300 ms of each second: -12 A.
    let pulses = "chip 0x40 ina226 volts=26.6 pulse_mv=-30 pulse_ms=300 period_ms=1000";
    let started =
        |sense| bench(Bus::new(pulses), "ina226", 8, &[("SAMPLE_INTERVAL", "1s"), ("SENSE_INTERVAL", sense)]);
    let (sensing, not) = (started("auto"), started("off"));
    let amps = |bench: &Bench| -> Vec<f64> {
        // The first is one reading.
        bench
            .wait_for("nine samples", |samples| samples.len() >= 9)
            .iter()
            .skip(1)
            .filter_map(Sample::current)
            .collect()
    };
    let (means, single) = (amps(&sensing), amps(&not));
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    assert!((-20.0..-6.0).contains(&mean), "{means:?}");
    assert!(single.iter().all(|&amps| near(amps, 0.0) || near(amps, -40.0)), "{single:?}");
    for bench in [sensing, not] {
        bench.is_honest();
    }
}
