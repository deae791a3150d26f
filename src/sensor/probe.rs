//! The battery's temperature, from a probe that a driver of the kernel's reads: a DS18B20 on the 1-Wire bus, or a hwmon
//! device.
//!
//! A DS18B20 takes 750 ms for a conversion, in which the reading blocks: it has a thread of its own, and the sensor
//! takes what that found last.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{BatteryMonitor, Reading, SensorError, kernel};

/// A battery's temperature does not move faster.
const EVERY: Duration = Duration::from_secs(10);
/// An older value is none: the probe has been pulled off.
const STALE: Duration = Duration::from_secs(60);
/// What batteries and these probes are made for, in m°C; beyond it a wire is broken.
const POSSIBLE: std::ops::RangeInclusive<i64> = -55_000..=125_000;
/// What a DS18B20 holds before its first conversion (datasheet 19-7487, table 1).
const DS18B20_AT_POWER_ON: i64 = 85_000;

type Slot = Mutex<Option<(f64, Instant)>>;

/// A monitor whose readings have the probe's temperature.
pub(super) struct WithProbe {
    pub(super) monitor: Box<dyn BatteryMonitor>,
    pub(super) probe: Probe,
}

/// A probe that is read for as long as a clone of this is there.
#[derive(Debug, Clone)]
pub(super) struct Probe(Arc<Slot>);

impl Probe {
    /// Starts to read the probe `name` below `root`, which is `/sys`: the id of a 1-Wire device, or a hwmon device's name.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn start(root: &Path, name: &str) -> std::io::Result<Self> {
        let slot = Arc::default();
        let weak: Weak<Slot> = Arc::downgrade(&slot);
        let (root, name) = (root.to_owned(), name.to_owned());
        std::thread::Builder::new().name("probe".to_owned()).spawn(move || {
            while let Some(slot) = weak.upgrade() {
                if let Some(celsius) = read(&root, &name) {
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((celsius, Instant::now()));
                }
                drop(slot);
                std::thread::sleep(EVERY);
            }
        })?;
        Ok(Self(slot))
    }

    fn celsius(&self) -> Option<f64> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(_, at)| at.elapsed() < STALE).map(|(celsius, _)| celsius)
    }
}

impl BatteryMonitor for WithProbe {
    fn describe(&self) -> String {
        self.monitor.describe()
    }

    fn read(&mut self) -> Result<Reading, SensorError> {
        let reading = self.monitor.read()?;
        Ok(Reading { temperature: self.probe.celsius(), ..reading })
    }

    fn sense(&mut self) -> Result<Reading, SensorError> {
        self.monitor.sense()
    }

    fn has_untold_restart(&self) -> bool {
        self.monitor.has_untold_restart()
    }
}

/// °C, if the probe gives a value that can be.
fn read(root: &Path, name: &str) -> Option<f64> {
    let text = fs::read_to_string(file(root, name)?).ok()?;
    let millidegrees = text.trim().parse().ok()?;
    let possible = POSSIBLE.contains(&millidegrees) && millidegrees != DS18B20_AT_POWER_ON;
    possible.then(|| millidegrees as f64 / 1e3)
}

/// Found anew each time: a probe may be plugged in later, and hwmon's numbers move.
fn file(root: &Path, name: &str) -> Option<PathBuf> {
    let one_wire = root.join("bus/w1/devices").join(name).join("temperature");
    if one_wire.exists() {
        return Some(one_wire);
    }
    kernel::hwmon_folder(root, name).map(|folder| folder.join("temp1_input"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::testing::{ADDRESS, Bench, device, wiring};
    use super::super::{SensorKind, chips};
    use super::*;

    fn put(root: &TempDir, path: &str, text: &str) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_1_wire_probe_is_found_by_its_id_and_a_hwmon_one_by_its_name() {
        let root = TempDir::new().unwrap();
        put(&root, "bus/w1/devices/28-0123456789ab/temperature", "-5125\n");
        put(&root, "class/hwmon/hwmon3/name", "lm75\n");
        put(&root, "class/hwmon/hwmon3/temp1_input", "21500\n");
        assert_eq!(read(root.path(), "28-0123456789ab"), Some(-5.125));
        assert_eq!(read(root.path(), "lm75"), Some(21.5));
        assert_eq!(read(root.path(), "tmp102"), None);
    }

    #[test]
    fn what_no_battery_has_is_no_temperature() {
        let root = TempDir::new().unwrap();
        for text in ["85000", "127937", "-127000", "", "hot"] {
            put(&root, "bus/w1/devices/28-0/temperature", text);
            assert_eq!(read(root.path(), "28-0"), None, "{text}");
        }
    }

    #[test]
    fn readings_have_the_temperature_once_the_probe_has_given_one() {
        let root = TempDir::new().unwrap();
        put(&root, "bus/w1/devices/28-0/temperature", "4000\n");
        let bench = Bench::default();
        let chip = ems_simulator::Ina226::with_clock(bench.pins.clone(), bench.hand.clock());
        bench.bus.attach(ADDRESS, Box::new(chip));
        let wiring = wiring(SensorKind::Ina226);
        let monitor = chips::open(bench.bus.clone(), bench.delay(), device("INA226"), wiring).unwrap();
        let probe = Probe::start(root.path(), "28-0").unwrap();
        let mut monitor = WithProbe { monitor, probe };
        let begun = Instant::now();
        while monitor.read().unwrap().temperature != Some(4.0) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the probe is never read");
            std::thread::yield_now();
        }
        *monitor.probe.0.lock().unwrap() = Some((4.0, Instant::now().checked_sub(STALE).unwrap()));
        assert_eq!(monitor.read().unwrap().temperature, None);
    }
}
