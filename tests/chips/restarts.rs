//! Chips that restart, count on, or are others.

use std::time::Instant;

use ems_test_harness::{Bench, Bus, Cloud, Edge, Sample, Settings};

use crate::at_48_v;

/// How long [`Edge::kill_on_bus`] leaves the daemon dead.
const DEAD_SECONDS: f64 = 3.0;

#[test]
fn what_flows_while_the_daemon_is_dead_is_in_an_ina228s_count_unless_the_chip_restarts() {
    let cloud = Cloud::start();
    let energy = |sample: &Sample| sample.0["battery"]["energy_out"].as_f64().unwrap() * 1000.0;
    for (dead, restarts) in [("", false), ("\nreset 0x40 1", true)] {
        let bus = Bus::new("chip 0x40 ina228 volts=53.2 shunt_mv=0");
        let settings = Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file());
        let settings =
            at_48_v("ina228").iter().fold(settings, |settings, (key, value)| settings.with(key, value));
        let settings = settings.with("SAMPLE_INTERVAL", "400ms").with("CAPACITY_AH", "100");
        let node = bus.node();
        let mut edge = Edge::start_on_lasting(&bus, &settings.with("I2C_BUS", node.to_str().unwrap()));
        let before = cloud.api().samples("ems_001").len();
        let enough = |samples: &[Sample]| samples.len() >= before + 5;
        let before = cloud.api().wait_for("ems_001", "five samples", enough);
        let begun = Instant::now();
        edge.kill_on_bus(|| bus.set(&format!("chip 0x40 ina228 volts=53.2 shunt_mv=-60{dead}")));
        // The bus sees the control file with the next transfer.
        let flows = |sample: &Sample| sample.current().is_some_and(|amps| amps < -79.0);
        cloud.api().wait_for("ems_001", "a sample of -80 A", |samples| samples.last().is_some_and(flows));
        bus.set(&format!("chip 0x40 ina228 volts=53.2 shunt_mv=0{dead}"));
        let lasted = begun.elapsed().as_secs_f64();
        let last = before.last().unwrap();
        let count = cloud.api().samples("ems_001").len();
        let more = |samples: &[Sample]| samples.len() >= count + 5 && !samples[samples.len() - 1].is_gap();
        let after = cloud.api().wait_for("ems_001", "five samples of the next run", more);
        let flowed = energy(after.last().unwrap()) - energy(last);
        assert!(edge.log().contains("goes on from what was kept"), "{}", edge.log());
        let watt_hours = |seconds: f64| 53.2 * 80.0 / 3600.0 * seconds;
        if restarts {
            assert!(flowed <= watt_hours(lasted - DEAD_SECONDS + 0.7), "{flowed} Wh in {lasted} s");
        } else {
            assert!(flowed >= watt_hours(lasted - 1.0), "{flowed} Wh in {lasted} s");
        }
        edge.kill();
    }
}

#[test]
fn a_restart_of_each_chip_is_told_and_its_values_go_on() {
    let gauge = [("CHEMISTRY", "nmc"), ("CELLS_SERIES", "1")];
    let divided = [("DIVIDER", "20")];
    for (address, chip, volts, settings) in [
        ("0x40", "ina228", 53.2, at_48_v("ina228")),
        ("0x40", "ina238", 53.2, at_48_v("ina238")),
        ("0x36", "max17048", 3.7, [&[("SENSOR", "max17048")], gauge.as_slice()].concat()),
        ("0x36", "max17040", 3.7, [&[("SENSOR", "max17040")], gauge.as_slice()].concat()),
        ("0x36", "max17043", 3.7, [&[("SENSOR", "max17043")], gauge.as_slice()].concat()),
        ("0x48", "ads1115", 53.2, [at_48_v("ads1115"), divided.to_vec()].concat()),
    ] {
        let pin = if chip == "ads1115" { volts / 20.0 } else { volts };
        let control =
            |count: u32| format!("chip {address} {chip} volts={pin} shunt_mv=-7.5\nreset {address} {count}");
        let bench = Bench::new(&control(0), &settings);
        let amps = chip.starts_with("ina").then_some((-10.0, 0.01));
        bench.measures((volts, 5e-3), amps);
        for count in 1..=2 {
            bench.bus.set(&control(count));
            bench.wait_for("a sample that says so", |samples| {
                let resets = samples.iter().filter(|sample| sample.flags() == ["SENSOR_RESET"]).count();
                resets == count as usize
            });
            bench.measures((volts, 5e-3), amps);
        }
        let samples = bench.samples();
        let wrong: Vec<_> =
            samples.iter().filter_map(Sample::voltage).filter(|v| (v - volts).abs() > 5e-3).collect();
        assert!(wrong.is_empty(), "{chip}: {wrong:?}");
    }
}

#[test]
fn a_clone_or_another_chip_in_the_place_is_not_believed() {
    let gauge = vec![("SENSOR", "max17048"), ("CHEMISTRY", "nmc"), ("CELLS_SERIES", "1")];
    for (control, settings, words) in [
        ("chip 0x40 ina228 volts=53.2\nid 0x40 0x5449 0x2291", at_48_v("ina228"), "0x2291"),
        ("chip 0x40 ina238 volts=53.2\nid 0x40 0x1234 0x2381", at_48_v("ina238"), "a clone"),
        ("chip 0x40 ina226 volts=26.6", at_48_v("ina228"), "without ids"),
        ("chip 0x36 registers 0x02=0xbd70 0x08=0x5449", gauge, "VERSION is 0x5449"),
    ] {
        let bench = Bench::new(control, &settings);
        bench.loses_the_sensor("COMM_LOSS");
        assert!(bench.edge.log().contains(words), "{words}: {}", bench.edge.log());
        let samples = bench.samples();
        assert!(samples.iter().all(|sample| sample.voltage().is_none()), "{samples:?}");
    }
}
