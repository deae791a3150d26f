//! Chips that a driver of the kernel's reads: files of text below `/sys/class`
//! (`Documentation/hwmon/sysfs-interface.rst`, `Documentation/ABI/testing/sysfs-class-power`).
//!
//! A device is found by its name: `hwmon3` may be `hwmon2` after the next boot. Two of one name are told apart by the
//! chip they belong to: `ina226@1-0041`.

mod find;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::wiring::CurrentSign;
use super::{BatteryMonitor, Device, Reading, SensorError, SensorKind, Wiring};
use find::find;
pub(super) use find::hwmon_folder;

/// Which files hold what, and in which unit.
struct Files {
    class: &'static str,
    /// In V for one step.
    voltage: (&'static str, &'static str, f64),
    /// In A for one step.
    current: (&'static str, &'static str, f64),
    driver: &'static str,
}

const HWMON: Files = Files {
    class: "hwmon",
    voltage: ("in1_input", "reading in1_input", 1e-3),
    current: ("curr1_input", "reading curr1_input", 1e-3),
    driver: "load its driver, for example dtoverlay=i2c-sensor,ina226 in config.txt",
};
const POWER_SUPPLY: Files = Files {
    class: "power_supply",
    voltage: ("voltage_now", "reading voltage_now", 1e-6),
    current: ("current_now", "reading current_now", 1e-6),
    driver: "load its driver",
};
/// The shunt in µΩ that the driver works with.
const SHUNT_RESISTOR: &str = "shunt_resistor";
/// There is no such file.
const ENOENT: i32 = 2;

/// A device of the kernel's that has been found.
pub(super) struct KernelMonitor {
    device: Device,
    wiring: Wiring,
    files: &'static Files,
    folder: PathBuf,
    gives_current: GivesCurrent,
}

/// Whether a device has given a current since the program started, however often it was opened: without one from the
/// start it measures voltage only, but one that ends is a fault.
#[derive(Debug, Clone, Default)]
pub(super) struct GivesCurrent(Arc<AtomicBool>);

impl KernelMonitor {
    /// Finds the device of `wiring` below `root`, which is `/sys`.
    pub(super) fn open(
        root: &Path,
        device: Device,
        wiring: Wiring,
        gives_current: GivesCurrent,
    ) -> Result<Self, SensorError> {
        let files = if wiring.kind == SensorKind::PowerSupply { &POWER_SUPPLY } else { &HWMON };
        let folder = find(&root.join("class").join(files.class), files, &device)?;
        Ok(Self { device, wiring, files, folder, gives_current })
    }

    /// The files by name, as they read.
    pub(super) fn words(&self) -> Result<Vec<(&'static str, i64)>, SensorError> {
        let (voltage, current) = (self.files.voltage, self.files.current);
        let mut words = vec![(voltage.0, self.number(voltage.0, voltage.1)?)];
        match self.number(current.0, current.1) {
            Ok(number) => {
                self.gives_current.0.store(true, Ordering::Relaxed);
                words.push((current.0, number));
            }
            Err(error) if error.errno() == Some(ENOENT) => self.may_lack_current()?,
            Err(error) => return Err(error),
        }
        if let Ok(microohms) = self.number(SHUNT_RESISTOR, "reading shunt_resistor") {
            words.push((SHUNT_RESISTOR, microohms));
        }
        Ok(words)
    }

    fn may_lack_current(&self) -> Result<(), SensorError> {
        if !self.gives_current.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let file = self.folder.join(self.files.current.0);
        Err(SensorError::CurrentLost { device: self.device.clone(), file })
    }

    fn number(&self, file: &str, action: &'static str) -> Result<i64, SensorError> {
        let failed = |errno| SensorError::Transfer { device: self.device.clone(), action, errno };
        let text =
            fs::read_to_string(self.folder.join(file)).map_err(|error| failed(error.raw_os_error()))?;
        text.trim().parse().map_err(|_| failed(None))
    }
}

impl BatteryMonitor for KernelMonitor {
    fn describe(&self) -> String {
        self.device.to_string()
    }

    fn read(&mut self) -> Result<Reading, SensorError> {
        let words = self.words()?;
        let of = |name: &str| words.iter().find(|(file, _)| *file == name).map(|(_, number)| *number);
        Ok(reading(&self.wiring, of))
    }
}

/// What the numbers in the files, by their names, say of the pack.
pub(super) fn reading(wiring: &Wiring, of: impl Fn(&str) -> Option<i64>) -> Reading {
    let files = if wiring.kind == SensorKind::PowerSupply { &POWER_SUPPLY } else { &HWMON };
    let value = |(file, _, unit): (&str, &str, f64)| of(file).map(|steps| steps as f64 * unit);
    // The driver's shunt is what the device tree said, 10 mΩ if it said nothing. What it has measured is the voltage.
    let shunts = of(SHUNT_RESISTOR).map_or(1.0, |micro| micro as f64 * 1e-6 / wiring.shunt.ohms);
    let sign = match wiring.current_sign {
        CurrentSign::Normal => 1.0,
        CurrentSign::Inverted => -1.0,
    };
    Reading {
        voltage: value(files.voltage).unwrap_or_default() * wiring.divider,
        current: value(files.current).map(|amps| sign * amps * shunts),
        temperature: None,
        charge: None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::super::testing::{assert_close, wiring};
    use super::super::{RetryHint, Shunt};
    use super::*;

    fn open(root: &TempDir, kind: SensorKind, name: &str) -> Result<KernelMonitor, SensorError> {
        open_again(root, kind, name, GivesCurrent::default())
    }

    fn open_again(
        root: &TempDir,
        kind: SensorKind,
        name: &str,
        gives_current: GivesCurrent,
    ) -> Result<KernelMonitor, SensorError> {
        let shunt = Shunt { ohms: 0.75e-3, rated_amps: None };
        let wiring = Wiring { bus: name.into(), address: 0, shunt, ..wiring(kind) };
        KernelMonitor::open(root.path(), wiring.device(), wiring, gives_current)
    }

    fn put(root: &TempDir, folder: &str, files: &[(&str, &str)]) {
        let folder = root.path().join("class").join(folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn a_device_is_found_by_its_name_and_its_current_put_right_by_the_shunt() {
        let root = TempDir::new().unwrap();
        put(&root, "hwmon/hwmon0", &[("name", "cpu_thermal"), ("in1_input", "1")]);
        // 30 mV across 750 µΩ: the driver takes it for 10 mΩ.
        let files = [
            ("name", "ina226"),
            ("in1_input", "26600"),
            ("curr1_input", "-3000"),
            ("shunt_resistor", "10000"),
        ];
        put(&root, "hwmon/hwmon7", &files);
        let reading = open(&root, SensorKind::Hwmon, "ina226").unwrap().read().unwrap();
        assert_close(reading.voltage, 26.6, 1e-9);
        assert_close(reading.current.unwrap(), -40.0, 1e-9);
    }

    #[test]
    fn a_power_supply_is_found_by_its_folder_and_may_have_no_current() {
        let root = TempDir::new().unwrap();
        put(&root, "power_supply/battery", &[("voltage_now", "12600000"), ("current_now", "-1500000")]);
        put(&root, "power_supply/gauge", &[("voltage_now", "3700000")]);
        let reading = open(&root, SensorKind::PowerSupply, "battery").unwrap().read().unwrap();
        assert_close(reading.voltage, 12.6, 1e-9);
        assert_close(reading.current.unwrap(), -1.5, 1e-9);
        let reading = open(&root, SensorKind::PowerSupply, "gauge").unwrap().read().unwrap();
        assert_eq!(reading.current, None);
    }

    #[test]
    fn a_current_that_ends_is_an_error_that_names_its_file_until_it_is_back() {
        for (kind, folder, current, files) in [
            (
                SensorKind::Hwmon,
                "hwmon/hwmon0",
                "curr1_input",
                [("in1_input", "26600"), ("curr1_input", "-3000"), ("name", "pack")],
            ),
            (
                SensorKind::PowerSupply,
                "power_supply/pack",
                "current_now",
                [("voltage_now", "26600000"), ("current_now", "-3000000"), ("type", "Battery")],
            ),
        ] {
            let root = TempDir::new().unwrap();
            let known = GivesCurrent::default();
            put(&root, folder, &files);
            let mut monitor = open_again(&root, kind, "pack", known.clone()).unwrap();
            assert_close(monitor.read().unwrap().current.unwrap(), -3.0, 1e-9);
            fs::remove_file(root.path().join("class").join(folder).join(current)).unwrap();
            let error = monitor.read().unwrap_err();
            assert_eq!((error.flag(), error.retry_hint()), ("SENSOR_LOST", RetryHint::Reopen));
            assert!(error.to_string().contains(&format!("{folder}/{current} is gone")), "{error}");
            let mut monitor = open_again(&root, kind, "pack", known).unwrap();
            assert_eq!(monitor.read().unwrap_err(), error);
            put(&root, folder, &files);
            assert_close(monitor.read().unwrap().current.unwrap(), -3.0, 1e-9);
        }
    }

    #[test]
    fn a_device_that_is_missing_or_there_twice_is_told_with_what_is_there() {
        let root = TempDir::new().unwrap();
        let error = open(&root, SensorKind::Hwmon, "ina226").err().unwrap();
        assert_eq!((error.flag(), error.retry_hint()), ("SENSOR_LOST", RetryHint::Technician));
        for (number, chip) in [("4", "1-0040"), ("5", "1-0041")] {
            let folder = format!("hwmon/hwmon{number}");
            put(&root, &folder, &[("name", "ina226"), ("in1_input", number)]);
            symlink(format!("../../../{chip}"), root.path().join("class").join(folder).join("device"))
                .unwrap();
        }
        let error = open(&root, SensorKind::Hwmon, "ina238").err().unwrap().to_string();
        assert!(error.contains("there are: ina226, ina226"), "{error}");
        let error = open(&root, SensorKind::Hwmon, "ina226").err().unwrap().to_string();
        assert!(error.contains("ina226@") && error.contains("1-0041"), "{error}");
        let reading = open(&root, SensorKind::Hwmon, "ina226@1-0041").unwrap().read().unwrap();
        assert_close(reading.voltage, 0.005, 1e-9);
    }

    #[test]
    fn a_file_that_vanishes_or_is_no_number_is_an_error_that_names_it() {
        let root = TempDir::new().unwrap();
        put(&root, "hwmon/hwmon0", &[("name", "ina226"), ("in1_input", "much")]);
        let mut monitor = open(&root, SensorKind::Hwmon, "ina226").unwrap();
        assert!(monitor.read().unwrap_err().to_string().contains("reading in1_input"));
        fs::remove_dir_all(root.path().join("class")).unwrap();
        let error = monitor.read().unwrap_err();
        assert_eq!((error.errno(), error.retry_hint()), (Some(2), RetryHint::Reopen));
        assert_eq!(error.flag(), "SENSOR_LOST");
    }
}
