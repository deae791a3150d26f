//! Every chip that `ems-edge` reads, at the other end of real `I2C_RDWR` ioctls on a bus that refuses what the Pi's
//! refuses, and the kernel's devices: the values, the ends of the range, restarts, other chips in their place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};
use std::time::Instant;

use ems_test_harness::{Bench, Bus, Cloud, Edge, Process, Sample, Settings, program};
use serde_json::Value;
use tempfile::TempDir;

/// 100 A/75 mV at a 16s LFP pack.
const PACK_48_V: [(&str, &str); 3] = [("SHUNT", "100A/75mV"), ("CHEMISTRY", "lfp"), ("CELLS_SERIES", "16")];

fn at_48_v(sensor: &'static str) -> Vec<(&'static str, &'static str)> {
    [PACK_48_V.as_slice(), &[("SENSOR", sensor)]].concat()
}

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

/// Runs `ems-edge` with these words and a configuration.
fn once(words: &[&str], settings: &[(&str, &str)], around: impl FnOnce(Command) -> Command) -> Output {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("config.env");
    let own = [
        ("DEVICE_ID", "ems_001"),
        ("API_TOKEN", "sk_0123456789abcdef0123456789abcdef"),
        ("SERVER_URL", "ws://127.0.0.1:9"),
        ("CAPACITY_AH", "100"),
        ("STATE_DIR", dir.path().to_str().unwrap()),
        ("RUNTIME_DIR", dir.path().to_str().unwrap()),
    ];
    let lines: Vec<String> =
        own.iter().chain(settings).map(|(key, value)| format!("{key}='{value}'\n")).collect();
    fs::write(&path, lines.concat()).unwrap();
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().args(words).arg("--config").arg(&path);
    around(command).output().unwrap()
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

#[test]
fn what_the_kernel_reads_is_found_by_name_wherever_it_is_numbered() {
    let sys = TempDir::new().unwrap();
    let put = |folder: &str, files: &[(&str, &str)]| {
        let folder = sys.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), format!("{text}\n")).unwrap();
        }
    };
    put("hwmon/hwmon0", &[("name", "cpu_thermal"), ("in1_input", "1"), ("curr1_input", "1")]);
    // 30 mV across 750 µΩ, which the driver takes for 1 mΩ.
    let files =
        [("name", "ina226"), ("in1_input", "26600"), ("curr1_input", "-30000"), ("shunt_resistor", "1000")];
    put("hwmon/hwmon4", &files);
    symlink("../../../1-0040", sys.path().join("hwmon/hwmon4/device")).unwrap();
    put("power_supply/battery", &[("voltage_now", "51200000"), ("current_now", "-12500000")]);
    let folder = sys.path().to_str().unwrap();
    let script = format!(
        "mount -t tmpfs none /sys; mkdir -p /sys/class; mount --bind {folder} /sys/class; exec \"$@\""
    );
    let mounted = |command: Command| {
        let mut wrapped = Command::new("unshare");
        wrapped
            .args(["--mount", "sh", "-euc", &script, "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        wrapped
    };
    let read = |settings: &[(&str, &str)]| {
        let settings = [PACK_48_V.as_slice(), settings].concat();
        once(&["read", "--json"], &settings, mounted)
    };
    for (settings, volts, amps) in [
        (&[("SENSOR", "hwmon"), ("SENSOR_NAME", "ina226"), ("DIVIDER", "2")][..], 53.2, -40.0),
        (&[("SENSOR", "hwmon"), ("SENSOR_NAME", "ina226@1-0040"), ("DIVIDER", "2")], 53.2, -40.0),
        (&[("SENSOR", "power_supply"), ("SENSOR_NAME", "battery")], 51.2, -12.5),
    ] {
        let output = read(settings);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!((seen["voltage"].as_f64().unwrap() - volts).abs() < 1e-6, "{seen}");
        assert!((seen["current"].as_f64().unwrap() - amps).abs() < 1e-6, "{seen}");
    }
    let output = read(&[("SENSOR", "hwmon"), ("SENSOR_NAME", "ina238")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cpu_thermal, ina226") && said.contains("SENSOR_NAME"), "{said}");
}

#[test]
fn the_daemon_follows_a_device_of_the_kernels_and_sends_the_probes_and_the_boards_state() {
    let sys = TempDir::new().unwrap();
    let put = |path: &str, text: &str| {
        let path = sys.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    };
    let device = |folder: &str, millivolts: &str| {
        put(&format!("class/hwmon/{folder}/in1_input"), millivolts);
        put(&format!("class/hwmon/{folder}/curr1_input"), "-10000");
        put(&format!("class/hwmon/{folder}/name"), "ina238");
    };
    put("class/hwmon/hwmon1/in0_lcrit_alarm", "1");
    put("class/hwmon/hwmon1/name", "rpi_volt");
    put("class/thermal/thermal_zone0/temp", "48312");
    put("bus/w1/devices/28-0123456789ab/temperature", "4000");
    device("hwmon4", "53200");

    let (cloud, dir) = (Cloud::start(), TempDir::new().unwrap());
    let path_of = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let settings = Settings::of(cloud.device())
        .to(cloud.tls(), &cloud.ca_file())
        .with("SENSOR_NAME", "ina238")
        .with("TEMPERATURE_SENSOR", "28-0123456789ab")
        .with("SAMPLE_INTERVAL", "200ms")
        .with("CAPACITY_AH", "100")
        .with("STATE_DIR", &path_of("state"))
        .with("RUNTIME_DIR", &path_of("run"));
    let settings = at_48_v("hwmon").iter().fold(settings, |all, (key, value)| all.with(key, value));
    fs::write(path_of("config.env"), settings.text()).unwrap();
    let script = format!("mount --bind {} /sys; exec \"$@\"", sys.path().display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-euc", &script, "sh"]).arg(program("ems-edge"));
    command.args(["run", "--config", &path_of("config.env")]);
    let edge = Process::start("ems-edge", command, &dir.path().join("log"));

    let measures = |volts: f64| {
        let fits = |sample: &Sample| sample.voltage() == Some(volts) && sample.current() == Some(-10.0);
        let what = format!("two samples of {volts} V");
        cloud.api().wait_for("ems_001", &what, |samples| {
            samples.len() >= 2 && samples[samples.len() - 2..].iter().all(fits)
        })
    };
    let sample = measures(53.2).last().unwrap().clone();
    assert_eq!(sample.0["battery"]["temperature"], 4.0, "{sample:?}");
    let status = &sample.0["system_status"];
    assert_eq!(status["cpu_temperature"], 48.3);
    assert_eq!((&status["undervoltage"], &status["undervoltage_since_boot"]), (&true.into(), &true.into()));

    let is_lost = || {
        cloud.api().wait_for("ems_001", "a gap that says so", |samples| {
            samples
                .last()
                .is_some_and(|sample| sample.voltage().is_none() && sample.flags() == ["SENSOR_LOST"])
        })
    };
    let current = "class/hwmon/hwmon4/curr1_input";
    fs::remove_file(sys.path().join(current)).unwrap();
    is_lost();
    assert!(edge.log().contains(&format!("/sys/{current} is gone")), "{}", edge.log());
    put(current, "-10000");
    measures(53.2);

    fs::remove_dir_all(sys.path().join("class/hwmon/hwmon4")).unwrap();
    is_lost();
    assert!(edge.log().contains("ina238 is gone"), "{}", edge.log());
    device("hwmon9", "51200");
    measures(51.2);
}
