//! Boards, what a chip cannot measure, and who is on the bus.

use ems_test_harness::{Bench, Bus};
use serde_json::Value;

use crate::{at_48_v, once};

#[test]
fn the_boards_of_one_maker_have_opposite_signs_and_need_one_line() {
    // 0.1 Ω at 0x42: the chip's positive current charges. 0.01 Ω at 0x43: it discharges.
    for (board, control, volts, amps) in [
        ("waveshare-ups-hat-a", "chip 0x42 ina219 volts=8.1 shunt_mv=50", 8.1, 0.5),
        ("waveshare-ups-hat-b", "chip 0x42 ina219 volts=8.1 shunt_mv=-50", 8.1, -0.5),
        ("waveshare-ups-hat-c", "chip 0x43 ina219 volts=4.0 shunt_mv=5", 4.0, -0.5),
        ("waveshare-ups-hat-d", "chip 0x43 ina219 volts=4.0 shunt_mv=-5", 4.0, 0.5),
    ] {
        Bench::new(control, &[("BOARD", board)]).measures((volts, 4e-3), Some((amps, 1e-3)));
    }
    let bench = Bench::new("chip 0x36 max17043 volts=3.9", &[("BOARD", "geekworm-x728")]);
    bench.measures((3.9, 1.3e-3), None);
}

#[test]
fn a_line_of_its_own_wins_over_the_board() {
    let settings = [("BOARD", "waveshare-ups-hat-b"), ("I2C_ADDRESS", "0x41"), ("CURRENT_SIGN", "inverted")];
    Bench::new("chip 0x41 ina219 volts=8.1 shunt_mv=50", &settings).measures((8.1, 4e-3), Some((-0.5, 1e-3)));
}

#[test]
fn what_a_chip_cannot_measure_is_refused_at_the_start_with_what_to_buy_or_set() {
    for (sensor, more, words) in [
        (
            "ina219",
            vec![],
            vec!["26 V", "58.4 V", "INA228", "INA226 with a low-side shunt", "DIVIDER to at least 1.63"],
        ),
        ("ina226", vec![], vec!["36 V", "58.4 V", "INA228"]),
        ("ads1115", vec![("DIVIDER", "10")], vec!["3.3 V", "DIVIDER to at least 17.70"]),
        ("max17048", vec![], vec!["one lithium cell", "CELLS_SERIES=1", "INA228"]),
        ("ina228", vec![("SHUNT", "100A/200mV")], vec!["200.0 mV", "163.84 mV"]),
        ("ina228", vec![("I2C_ADDRESS", "0x36")], vec!["I2C_ADDRESS", "0x40 to 0x4f"]),
        ("hwmon", vec![], vec!["SENSOR_NAME"]),
        ("hwmon", vec![("SENSOR_NAME", "ina219")], vec!["26 V", "58.4 V", "INA228"]),
        ("max17048", vec![("CHEMISTRY", "lead_acid"), ("CELLS_SERIES", "1")], vec!["lithium", "INA226"]),
        ("max17048", vec![("CELLS_SERIES", "1"), ("DIVIDER", "2")], vec!["leave DIVIDER out"]),
    ] {
        let mut settings = at_48_v(sensor);
        for (key, value) in more {
            settings.retain(|(name, _)| *name != key);
            settings.push((key, value));
        }
        let output = once(&["run"], &settings, |command| command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{sensor}: {said}");
        assert!(words.iter().all(|words| said.contains(words)), "{sensor}: {said}");
    }
}

#[test]
fn read_and_scan_know_the_chips() {
    let control = "chip 0x40 ina228 volts=53.2 shunt_mv=-30\nchip 0x41 ina238\nchip 0x42 ina237\nchip 0x36 max17048 \
                   volts=3.7\nchip 0x44 ina226";
    let bus = Bus::new(control);
    let node = bus.node().to_str().unwrap().to_owned();
    let settings = [at_48_v("ina228"), vec![("I2C_BUS", node.as_str())]].concat();
    let json = |words: &[&str]| -> Value {
        let output = once(words, &settings, |command| bus.around(&command));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let seen = json(&["scan", "--json"]);
    let sensors: Vec<_> =
        seen.as_array().unwrap().iter().map(|chip| chip["sensor"].as_str().unwrap()).collect();
    assert_eq!(sensors, ["max17048", "ina228", "ina238", "ina238", "ina226"]);
    let read = json(&["read", "--raw", "--json"]);
    assert!((read["voltage"].as_f64().unwrap() - 53.2).abs() < 0.2e-3, "{read}");
    assert!((read["current"].as_f64().unwrap() + 40.0).abs() < 0.5e-3, "{read}");
    // The registers as they read at power-on: nothing was written.
    assert_eq!(read["registers"]["adc_config"], 0xFB68);
    assert_eq!(read["registers"]["device_id"], 0x2281);
}
