//! Every value to its resolution, up to the end of the range.

use ems_test_harness::Bench;

use crate::at_48_v;

#[test]
fn an_ina228_and_its_relatives_read_53_2_v_and_minus_40_a_to_their_resolution() {
    for (chip, sensor, volts, amps) in
        // One step, and what a sample is rounded to.
        [
            ("ina228", "ina228", 0.2e-3 + 0.5e-3, 0.5e-3 + 0.5e-3),
            ("ina238", "ina238", 3.2e-3, 7e-3),
            ("ina237", "ina237", 3.2e-3, 7e-3),
        ]
    {
        let bench = Bench::new(&format!("chip 0x40 {chip} volts=53.2 shunt_mv=-30"), &at_48_v(sensor));
        bench.measures((53.2, volts), Some((-40.0, amps)));
        bench.bus.set(&format!("chip 0x40 {chip} volts=57.6 shunt_mv=37.5"));
        bench.measures((57.6, volts), Some((50.0, amps)));
    }
}

#[test]
fn an_ina226_with_a_divider_and_a_low_side_shunt_reads_53_2_v_and_minus_40_a_to_its_resolution() {
    let settings = [at_48_v("ina226"), vec![("DIVIDER", "2")]].concat();
    let bench = Bench::new("chip 0x40 ina226 volts=26.6 shunt_mv=-30", &settings);
    bench.measures((53.2, 2.5e-3), Some((-40.0, 4e-3)));
}

#[test]
fn a_value_at_the_end_of_the_range_is_believed_and_one_beyond_it_is_not() {
    let small = |sensor, shunt, cells| {
        vec![("SENSOR", sensor), ("SHUNT", shunt), ("CHEMISTRY", "lfp"), ("CELLS_SERIES", cells)]
    };
    let gauge = vec![("SENSOR", "max17048"), ("CHEMISTRY", "nmc"), ("CELLS_SERIES", "1")];
    let divided = [at_48_v("ads1115"), vec![("DIVIDER", "20")]].concat();
    for (chip, settings, last, volts, amps, beyond) in [
        (
            "0x40 ina219",
            small("ina219", "100A/200mV", "7"),
            "volts=25.9 shunt_mv=-319.9",
            (25.9, 4e-3),
            Some((-159.95, 5e-3)),
            vec!["volts=26.1 shunt_mv=0", "volts=24 shunt_mv=330", "volts=24 shunt_mv=-330"],
        ),
        (
            "0x40 ina226",
            small("ina226", "100A/75mV", "9"),
            "volts=35.9 shunt_mv=-81.9",
            (35.9, 2e-3),
            Some((-109.2, 4e-3)),
            vec!["volts=36.1 shunt_mv=0", "volts=33 shunt_mv=82", "volts=33 shunt_mv=-82"],
        ),
        (
            "0x40 ina228",
            at_48_v("ina228"),
            "volts=85 shunt_mv=-163.8",
            (85.0, 1e-3),
            Some((-218.4, 1e-3)),
            vec!["volts=85.1 shunt_mv=0", "volts=53 shunt_mv=163.9", "volts=53 shunt_mv=-163.9"],
        ),
        (
            "0x40 ina238",
            at_48_v("ina238"),
            "volts=85 shunt_mv=163.8",
            (85.0, 4e-3),
            Some((218.4, 8e-3)),
            vec!["volts=85.1 shunt_mv=0", "volts=53 shunt_mv=-163.9"],
        ),
        ("0x36 max17048", gauge, "volts=4.99", (4.99, 1e-3), None, vec!["volts=5.1"]),
        ("0x48 ads1115", divided, "volts=3.29", (65.8, 4e-3), None, vec!["volts=4.2"]),
    ] {
        let bench = Bench::new(&format!("chip {chip} {last}"), &settings);
        bench.measures(volts, amps);
        for control in beyond {
            bench.bus.set(&format!("chip {chip} {control}"));
            bench.loses_the_sensor("COMM_LOSS");
            assert!(bench.edge.log().contains("range"), "{chip} {control}: {}", bench.edge.log());
            bench.bus.set(&format!("chip {chip} {last}"));
            bench.measures(volts, amps);
        }
    }
}

#[test]
fn the_fine_range_of_a_small_shunt_has_steps_of_a_quarter() {
    let settings = [at_48_v("ina228"), vec![("SHUNT", "100A/20mV")]].concat();
    let bench = Bench::new("chip 0x40 ina228 volts=53.2 shunt_mv=-0.002", &settings);
    bench.measures((53.2, 1e-3), Some((-0.01, 0.6e-3)));
}
