//! One sample as it waits inside the daemon: small, without text, still without a wall-clock label.

use ems_protocol::{Battery, ClockQuality, DeviceId, State, SystemStatus, Telemetry, Timestamp};

use crate::battery::Estimate;
use crate::clock::BootTime;
use crate::sensor::Reading;

/// What was measured, or why nothing was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// A reading and what the estimator makes of it.
    Measured {
        /// From the sensor.
        reading: Reading,
        /// State of charge.
        estimate: Estimate,
        /// What the battery does, where the wiring measures current.
        state: Option<State>,
    },
    /// No reading; the flag of `ems_protocol::flag` that says why.
    Gap(&'static str),
}

/// One beat of the sampler.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Its number within the boot.
    pub seq: u64,
    /// When the reading was asked for.
    pub taken: BootTime,
    /// What came of it.
    pub outcome: Outcome,
}

/// Who publishes: the same in every sample of a run.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The device.
    pub device_id: DeviceId,
    /// The boot, as named on the wire.
    pub boot_id: String,
}

/// Version of the daemon, as sent to the cloud.
pub const FIRMWARE_VERSION: &str = env!("CARGO_PKG_VERSION");

impl Sample {
    /// Whether the reading failed.
    pub fn is_gap(&self) -> bool {
        matches!(self.outcome, Outcome::Gap(_))
    }

    /// The sample as it goes over the wire: of `boot_id`, labelled with a time and how that is known.
    pub fn telemetry(
        &self,
        device_id: &DeviceId,
        boot_id: &str,
        (timestamp, quality): (Timestamp, ClockQuality),
    ) -> Telemetry {
        let mut telemetry = Telemetry::new(device_id.clone(), timestamp);
        telemetry.boot_id = Some(boot_id.to_owned());
        telemetry.seq = Some(self.seq);
        telemetry.clock = Some(quality);
        let mut status = SystemStatus {
            uptime_seconds: Some(self.taken.0 / 1000),
            firmware_version: Some(FIRMWARE_VERSION.to_owned()),
            ..SystemStatus::default()
        };
        match self.outcome {
            Outcome::Measured { reading, estimate, state } => {
                status.state = state;
                telemetry.battery = battery(reading, estimate);
            }
            Outcome::Gap(flag) => status.error_flags.push(flag.to_owned()),
        }
        telemetry.system_status = Some(status);
        telemetry
    }
}

fn battery(reading: Reading, estimate: Estimate) -> Battery {
    // What follows from others is worked out from what is sent, so that a sample that was stored in these steps says
    // the same when it is sent again.
    let voltage = rounded(reading.voltage, 1e3);
    let current = reading.current.map(|a| rounded(a, 1e3));
    let (low, high) = (rounded(estimate.low, 1e2), rounded(estimate.high, 1e2));
    Battery {
        voltage: Some(voltage),
        current,
        power: current.map(|a| rounded(a * voltage, 1e1)),
        temperature: reading.temperature.map(|t| rounded(t, 1e1)),
        soc: Some(rounded(estimate.soc, 1e2)),
        soc_low: Some(low),
        soc_high: Some(high),
        soc_uncertainty: Some(rounded((high - low) / 4.0, 1e2)),
        synced: Some(estimate.synced),
        ..Battery::default()
    }
}

/// To mV, mA and the like: finer digits are noise and cost bytes on every link.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
