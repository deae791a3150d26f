//! What a row of the fleet shows of a device's latest sample.

use ems_protocol::{Mode, State, Telemetry, Timestamp};

/// Flags that a row shows; a device that has more has one trouble that explains them.
const MAX_FLAGS: usize = 16;
/// Bytes of a flag that a row shows.
const MAX_FLAG_BYTES: usize = 64;

/// Values of one sample, in the units of [`Telemetry`].
#[derive(Debug, Default)]
pub(super) struct Vitals {
    pub(super) at: Option<Timestamp>,
    pub(super) state: Option<State>,
    pub(super) mode: Option<Mode>,
    pub(super) soc: Option<f64>,
    pub(super) soc_low: Option<f64>,
    pub(super) soc_high: Option<f64>,
    pub(super) synced: Option<bool>,
    pub(super) voltage: Option<f64>,
    pub(super) current: Option<f64>,
    pub(super) power: Option<f64>,
    pub(super) temperature: Option<f64>,
    pub(super) error_flags: Vec<String>,
}

impl Vitals {
    /// Of a sample whose place on the time axis is `at`.
    pub(super) fn of(sample: &Telemetry, at: Timestamp) -> Self {
        let (status, battery) = (sample.system_status.as_ref(), &sample.battery);
        let flags = status.map_or(&[][..], |status| &status.error_flags);
        Self {
            at: Some(at),
            state: status.and_then(|status| status.state),
            mode: status.and_then(|status| status.mode),
            soc: battery.soc,
            soc_low: battery.soc_low,
            soc_high: battery.soc_high,
            synced: battery.synced,
            voltage: battery.voltage,
            current: battery.current,
            power: battery.power,
            temperature: battery.temperature,
            error_flags: flags.iter().take(MAX_FLAGS).map(|flag| shortened(flag)).collect(),
        }
    }
}

fn shortened(flag: &str) -> String {
    flag.get(..flag.floor_char_boundary(MAX_FLAG_BYTES)).unwrap_or_default().to_owned()
}
