//! One sample as it waits inside the daemon: small, without text, still without a wall-clock label.

use ems_protocol::{Battery, ClockQuality, DeviceId, Mode, State, SystemStatus, Telemetry, Timestamp};

use crate::battery::protection::Flags;
use crate::battery::{Details, Estimate};
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
        /// What the battery does, as far as it is known.
        state: Option<State>,
        /// Totals, times and what is wrong; samples of earlier versions have none.
        totals: Option<Totals>,
    },
    /// No reading; the flag of `ems_protocol::flag` that says why.
    Gap(&'static str),
}

/// What is known of the battery beside its state of charge, in whole steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// What is wrong.
    pub faults: Flags,
    /// What deserves a look.
    pub warnings: Flags,
    /// Charged since the installation, in Wh.
    pub energy_in: u32,
    /// Discharged since the installation, in Wh.
    pub energy_out: u32,
    /// Equivalent full cycles, in hundredths.
    pub cycles: u32,
    /// Until empty, in min.
    pub to_empty: Option<u32>,
    /// Until full, in min.
    pub to_full: Option<u32>,
    /// Since the state of charge was fixed, in tenths of an hour; and the charge moved since, in tenths of an Ah.
    pub since_sync: Option<(u32, u32)>,
    /// Learned capacity, in % of the label.
    pub health: u32,
    /// Whether the battery may be charged, and drawn from.
    pub allowed: (bool, bool),
    /// Who decides, where there are outputs to decide about.
    pub mode: Option<Mode>,
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
            Outcome::Measured { state, totals, .. } => {
                status.state = state;
                telemetry.battery = self.outcome.battery();
                if let Some(totals) = totals {
                    status.mode = totals.mode;
                    status.error_flags.extend(totals.faults.names().map(str::to_owned));
                }
            }
            Outcome::Gap(flag) => status.error_flags.push(flag.to_owned()),
        }
        telemetry.system_status = Some(status);
        telemetry
    }
}

impl Outcome {
    /// What is known of the battery, as it is sent.
    pub fn battery(&self) -> Battery {
        match self {
            Self::Measured { reading, estimate, totals, .. } => {
                let mut battery = battery(*reading, *estimate);
                if let Some(totals) = totals {
                    totals.write(&mut battery);
                }
                battery
            }
            Self::Gap(_) => Battery::default(),
        }
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

impl From<Details> for Totals {
    fn from(details: Details) -> Self {
        let Details { verdict, meter, cycles, time_to_empty, time_to_full, since_sync, health } = details;
        Self {
            faults: verdict.faults,
            warnings: verdict.warnings,
            energy_in: shown_total(meter.energy_in),
            energy_out: shown_total(meter.energy_out),
            cycles: whole(cycles * 1e2),
            to_empty: time_to_empty.map(|s| whole(s / 60.0)),
            to_full: time_to_full.map(|s| whole(s / 60.0)),
            since_sync: since_sync.map(|(hours, ah)| (whole(hours * 10.0), whole(ah * 10.0))),
            health: whole(health * 1e2),
            allowed: (verdict.charge_allowed, verdict.load_allowed),
            mode: None,
        }
    }
}

impl Totals {
    fn write(&self, battery: &mut Battery) {
        battery.faults = self.faults.names().map(str::to_owned).collect();
        battery.warnings = self.warnings.names().map(str::to_owned).collect();
        battery.energy_in = Some(f64::from(self.energy_in) / 1e3);
        battery.energy_out = Some(f64::from(self.energy_out) / 1e3);
        battery.cycle_count = Some(f64::from(self.cycles) / 1e2);
        battery.time_to_empty_s = self.to_empty.map(|minutes| f64::from(minutes) * 60.0);
        battery.time_to_full_s = self.to_full.map(|minutes| f64::from(minutes) * 60.0);
        battery.hours_since_sync = self.since_sync.map(|(hours, _)| f64::from(hours) / 10.0);
        battery.ah_since_sync = self.since_sync.map(|(_, ah)| f64::from(ah) / 10.0);
        battery.soh = (self.health > 0).then_some(f64::from(self.health));
        (battery.charge_allowed, battery.load_allowed) = (Some(self.allowed.0), Some(self.allowed.1));
    }
}

/// A total in kWh as it is shown: in Wh.
pub(crate) fn shown_total(kilowatt_hours: f64) -> u32 {
    whole(kilowatt_hours * 1e3)
}

/// Whole steps, 0 for what is no number; saturates.
fn whole(value: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let steps = value.round() as u32;
    steps
}

/// To mV, mA and the like: finer digits are noise and cost bytes on every link.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
