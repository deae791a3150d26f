//! The kernel's devices below a `/sys` of the test's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use ems_test_harness::{Cloud, Process, Sample, Settings, program};
use serde_json::Value;
use tempfile::TempDir;

use crate::{PACK_48_V, at_48_v, once};

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
