//! A device as our daemon is one: the fields that it sends, in the steps in which it rounds them, of a simulated battery in a
//! house with sun on its roof.

use std::time::Duration;

use ems_protocol::{Battery, ClockQuality, DeviceId, State, SystemStatus, Telemetry, Timestamp};
use ems_simulator::{Consumers, Noise, Pack, PackParameters, Usage};

const CAPACITY_AH: f64 = 100.0;
/// It is restarted so often, s.
const BOOT_SECONDS: u64 = 30 * 86_400;

/// One device at 1 Hz.
pub(crate) struct Device {
    id: DeviceId,
    start: i64,
    second: u64,
    pack: Pack,
    consumers: Consumers,
    noise: Noise,
    energy_in: f64,
    energy_out: f64,
    moved_ah: f64,
    since_sync: u64,
    temperature: f64,
}

impl Device {
    /// A device whose first sample was taken at `start` (ms since 1970).
    pub(crate) fn new(id: DeviceId, start: i64) -> Self {
        Self {
            id,
            start,
            second: 0,
            pack: Pack::new(PackParameters::lfp_16s_100ah(), 0.6),
            consumers: Consumers::new(Usage::Household, 7),
            noise: Noise::new(1),
            energy_in: 0.0,
            energy_out: 0.0,
            moved_ah: 0.0,
            since_sync: 0,
            temperature: 20.0,
        }
    }

    /// The next sample, and when it arrives (ms since 1970); the one after it is taken `step` seconds later.
    pub(crate) fn sample(&mut self, step: u64) -> (Telemetry, i64) {
        let soc = self.pack.soc() * 100.0;
        let amps = (self.consumers.c_rate(self.second as f64, soc) * CAPACITY_AH).clamp(-100.0, 100.0);
        self.pack.advance(Duration::from_secs(step), amps);
        // A clock that ticks within milliseconds, and a line with some delay.
        let at = self.start + self.second.cast_signed() * 1000 + self.up_to(4.0);
        let received = at + 20 + self.up_to(40.0);
        let mut sample = Telemetry::new(self.id.clone(), Timestamp::from_millis(at));
        sample.boot_id = Some(format!("{:08x}-5d1e-4b7a-9c33-2f8f6a1d90aa", self.second / BOOT_SECONDS));
        sample.seq = Some(self.second % BOOT_SECONDS);
        sample.clock = Some(ClockQuality::Synced);
        sample.battery = self.battery(step);
        sample.system_status = Some(SystemStatus {
            state: Some(match sample.battery.current {
                Some(amps) if amps > 0.2 => State::Charging,
                Some(amps) if amps < -0.2 => State::Discharging,
                _ => State::Idle,
            }),
            uptime_seconds: Some(self.second % BOOT_SECONDS + 12),
            firmware_version: Some("1.0.0".into()),
            ..SystemStatus::default()
        });
        self.second += step;
        (sample, received)
    }

    /// Nobody listens to it for so many seconds.
    #[allow(dead_code, reason = "the tests have no use for it")]
    pub(crate) fn rest(&mut self, seconds: u64) {
        self.second += seconds;
    }

    #[expect(clippy::cast_possible_truncation, reason = "a few milliseconds")]
    fn up_to(&mut self, ms: f64) -> i64 {
        (self.noise.uniform() * ms) as i64
    }

    /// As `ems-edge` makes it: to mV, mA, 0.1 W, 0.01 %.
    fn battery(&mut self, step: u64) -> Battery {
        let voltage = rounded(self.pack.volts() + self.noise.normal() * 0.002, 1e3);
        let current = rounded(self.pack.amps() + self.noise.normal() * 0.008, 1e3);
        let power = rounded(voltage * current, 1e1);
        if power > 0.0 {
            self.energy_in += power * step as f64 / 3.6e6;
        } else {
            self.energy_out -= power * step as f64 / 3.6e6;
        }
        self.moved_ah += current.abs() * step as f64 / 3600.0;
        self.since_sync += step;
        let soc = self.pack.soc() * 100.0;
        if soc > 99.5 && self.since_sync > 3600 {
            (self.moved_ah, self.since_sync) = (0.0, 0);
        }
        self.temperature += self.noise.normal() * 0.01 + (20.0 - self.temperature) * 1e-4;
        let width = 1.0 + self.since_sync as f64 / 86_400.0;
        let (low, high) = (rounded((soc - width).max(0.0), 1e2), rounded((soc + width).min(100.0), 1e2));
        let minutes = |ah: f64| (60.0 * (ah / current.abs().max(0.1))).round().min(30_000.0) * 60.0;
        Battery {
            voltage: Some(voltage),
            current: Some(current),
            power: Some(power),
            soc: Some(rounded(soc, 1e2)),
            soc_low: Some(low),
            soc_high: Some(high),
            soc_uncertainty: Some(rounded((high - low) / 4.0, 1e2)),
            synced: Some(true),
            temperature: Some(rounded(self.temperature, 1e1)),
            energy_in: Some(rounded(self.energy_in, 1e3)),
            energy_out: Some(rounded(self.energy_out, 1e3)),
            cycle_count: Some(rounded(self.energy_out / 5.12, 1e2)),
            time_to_empty_s: (current < -0.2).then(|| minutes(soc / 100.0 * CAPACITY_AH)),
            time_to_full_s: (current > 0.2).then(|| minutes((1.0 - soc / 100.0) * CAPACITY_AH)),
            hours_since_sync: Some(rounded(self.since_sync as f64 / 3600.0, 1e1)),
            ah_since_sync: Some(rounded(self.moved_ah, 1e1)),
            soh: Some(98.0),
            charge_allowed: Some(soc < 99.9),
            load_allowed: Some(soc > 5.0),
            warnings: if soc < 15.0 { vec!["LOW_SOC".into()] } else { vec![] },
            ..Battery::default()
        }
    }
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
