//! Measuring chips behind one trait.
//!
//! A chip's driver blocks, for about a second when the bus is stuck and for ever when the controller is. It
//! therefore runs on a thread of its own (`bus.rs`), and the rest of the daemon sees a [`SensorHandle`] that
//! answers by a deadline.

mod ads1115;
mod bus;
pub mod calibration;
mod check;
mod chips;
mod convert;
#[cfg(test)]
mod counting;
mod datasheet;
mod device;
mod errno;
mod error;
#[cfg(test)]
mod family;
mod ina219;
mod ina226;
mod ina228;
mod ina238;
mod integrator;
mod joined;
mod kernel;
mod linux;
mod look;
mod max17048;
mod pace;
mod probe;
mod registers;
mod scan;
#[cfg(test)]
mod sensing;
#[cfg(test)]
mod testing;
mod wiring;

use std::path::Path;

use embedded_hal::delay::DelayNs as _;
use ems_simulator::Clock;
use ems_simulator::simulated::simulated_pack;
use linux_embedded_hal::Delay;

use crate::battery::ChargeCount;
use crate::health::Work;
pub use bus::{Opener, SensorHandle};
pub use check::Unfit;
pub use convert::OutOfRange;
pub use device::Device;
pub use errno::Errno;
pub use error::{BUS_OUT_OF_RANGE, RetryHint, SHUNT_OUT_OF_RANGE, SensorError};
use kernel::GivesCurrent;
pub use look::{RegisterWord, Registers, look};
use probe::{Probe, WithProbe};
pub use scan::{Answer, scan};
pub use wiring::{CurrentSign, SenseInterval, SensorKind, Shunt, Wiring};

/// A chip that measures a battery.
pub trait BatteryMonitor: Send {
    /// The chip and where it is: `INA226 at 0x40 on /dev/i2c-1`.
    fn describe(&self) -> String;

    /// Measures now. Blocks for as long as the bus does.
    ///
    /// # Errors
    /// There is never an old or doubtful value: what could not be measured afresh is an error.
    fn read(&mut self) -> Result<Reading, SensorError>;

    /// Measures between two reports: voltage and current alone. Whether the chip has kept its configuration is only
    /// known by the next [`Self::read`], before which this must not be believed.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn sense(&mut self) -> Result<Reading, SensorError> {
        self.read()
    }

    /// Whether the chip has begun to count charge anew and no reading has told it yet.
    fn has_untold_restart(&self) -> bool {
        false
    }
}

/// One measurement of the pack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Voltage of the pack in V.
    pub voltage: f64,
    /// Current in A, + = charging; `None` if this wiring cannot measure it.
    pub current: Option<f64>,
    /// Temperature of the battery in °C, if the sensor has a probe.
    pub temperature: Option<f64>,
    /// What the chip has counted by itself, if it does.
    pub charge: Option<ChargeCount>,
}

impl Reading {
    /// Takes note that the chip may have begun to count anew, if it counts.
    fn tell_restart(&mut self) {
        if let Some(charge) = &mut self.charge {
            charge.restarted = true;
        }
    }

    fn tells_restart(&self) -> bool {
        self.charge.is_some_and(|charge| charge.restarted)
    }
}

/// Starts the sensor's thread for `wiring`, which has passed [`Wiring::check`]. The chip is opened with the
/// first read, so a sensor that is missing now is an error of that read and may be plugged in later.
///
/// `work` shows whether that thread is in a read.
///
/// # Errors
/// If the system gives no thread.
pub fn open(wiring: &Wiring, work: Work) -> std::io::Result<SensorHandle> {
    let device = wiring.device();
    let (chip, wiring, sense) = (device.clone(), wiring.clone(), wiring.sense);
    let probe = match &wiring.temperature_probe {
        Some(name) => Some(Probe::start(Path::new(linux::SYSFS), name)?),
        None => None,
    };
    let mut open_chip: Opener = if wiring.kind == SensorKind::Simulated {
        let bus = simulated_pack(Clock::monotonic());
        Box::new(move || chips::open(bus.clone(), Delay, chip.clone(), Wiring::simulated()))
    } else {
        let gives_current = GivesCurrent::default();
        Box::new(move || linux::open(chip.clone(), wiring.clone(), gives_current.clone()))
    };
    let opener: Opener = match probe {
        Some(probe) => {
            Box::new(move || Ok(Box::new(WithProbe { monitor: open_chip()?, probe: probe.clone() })))
        }
        None => open_chip,
    };
    SensorHandle::spawn(device, opener, work, sense)
}

/// Sets the chip of `wiring` up as the daemon does and measures `times` times, `pause_ms` apart, through a bus of its own.
///
/// # Errors
/// At the first measurement that fails.
pub fn measure(wiring: &Wiring, times: u32, pause_ms: u32) -> Result<Vec<Reading>, SensorError> {
    let (device, wiring) = (wiring.device(), wiring.clone());
    let mut monitor = if wiring.kind == SensorKind::Simulated {
        chips::open(simulated_pack(Clock::monotonic()), Delay, device, Wiring::simulated())?
    } else {
        linux::open(device, wiring, GivesCurrent::default())?
    };
    let measured = |time| {
        Delay.delay_ms(if time == 0 { FIRST_RESULT_MS } else { pause_ms });
        monitor.read()
    };
    (0..times).map(measured).collect()
}

/// A gauge that has just been switched on needs so long for its first result.
const FIRST_RESULT_MS: u32 = 200;

impl Wiring {
    /// The chip that this names.
    pub fn device(&self) -> Device {
        let (chip, address, bus) = match self.kind {
            SensorKind::Simulated => {
                ("INA226", ems_simulator::simulated::ADDRESS, Path::new("the simulated bus"))
            }
            SensorKind::Hwmon => ("hwmon device", 0, self.bus.as_path()),
            SensorKind::PowerSupply => ("power supply", 0, self.bus.as_path()),
            kind => (chips::datasheet(kind, None).chip, self.address, self.bus.as_path()),
        };
        Device { chip, address, bus: bus.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const AMPLE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn the_simulated_sensor_reads_a_16s_pack_through_the_driver() {
        let mut sensor = open(&Wiring::simulated(), Work::default()).unwrap();
        assert_eq!(sensor.device().to_string(), "INA226 at 0x40 on the simulated bus");
        for _ in 0..3 {
            let reading = sensor.read(AMPLE).await.unwrap();
            assert!((50.0..57.0).contains(&reading.voltage), "{reading:?}");
            assert!(reading.current.unwrap().abs() < 80.0, "{reading:?}");
        }
    }

    #[tokio::test]
    async fn a_bus_that_is_missing_at_start_is_an_error_of_the_reading() {
        for kind in SensorKind::WORDS.map(|(_, kind)| kind).into_iter().filter(|kind| kind.is_on_i2c()) {
            let wiring = Wiring { kind, bus: "/dev/i2c-does-not-exist".into(), ..Wiring::simulated() };
            let error = open(&wiring, Work::default()).unwrap().read(AMPLE).await.unwrap_err();
            assert_eq!((error.flag(), error.errno()), ("SENSOR_LOST", Some(2)));
        }
    }
}
