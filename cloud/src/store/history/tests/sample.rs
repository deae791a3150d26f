//! A device's samples.

use ems_protocol::{Battery, DeviceId, PowerMeter, SystemStatus, Telemetry, Timestamp};
use serde_json::json;

use crate::store::history::rollup::{FIELD_COUNT, FIELDS};

/// 2026-02-02T02:00:00Z.
pub(super) const START: i64 = 1_769_997_600_000;
pub(super) const DEVICE: i64 = 7;

pub(super) fn id() -> DeviceId {
    "ems_001".parse().unwrap()
}

/// By [`FIELDS`], looked up by their names.
pub(super) fn values(sample: &Telemetry) -> [Option<f64>; FIELD_COUNT] {
    let sample = serde_json::to_value(sample).unwrap();
    FIELDS.map(|(name, _)| sample.pointer(&format!("/{}", name.replace('.', "/")))?.as_f64())
}

/// Sample `seq` of a device that measures at uneven times and not all fields always.
pub(super) fn sample(seq: u64, at: i64) -> Telemetry {
    let mut sample = Telemetry::new(id(), Timestamp::from_millis(START + at));
    sample.boot_id = Some(format!("boot-{}", seq % 3 / 2));
    sample.seq = Some(seq);
    let wave = (seq * 7_919 % 1_000) as f64;
    let some = |every: u64, value: f64| (!seq.is_multiple_of(every)).then_some(value);
    sample.battery = Battery {
        voltage: Some(48.0 + wave / 1000.0),
        soc: Some((50.0 + wave / 100.0).min(100.0)),
        current: some(5, wave / 10.0 - 50.0),
        power: some(11, (wave / 10.0 - 50.0) * (48.0 + wave / 1000.0)),
        soc_low: some(2, 40.5),
        temperature: some(3, -wave / 7.0),
        charge_allowed: some(4, 1.0).map(|_| true),
        faults: if seq.is_multiple_of(13) { vec!["OVER_VOLTAGE".into()] } else { vec![] },
        ..Battery::default()
    };
    if seq.is_multiple_of(6) {
        sample.solar = Some(PowerMeter { power: Some(0.1 + 0.2), ..PowerMeter::default() });
        sample.extra.insert("site".into(), json!({ "n": seq }));
    }
    sample.system_status = some(9, 1.0).map(|_| SystemStatus {
        wifi_strength: some(8, -50.5),
        uptime_seconds: Some(seq),
        ..SystemStatus::default()
    });
    sample
}

/// The place of a sample is that of its number, so a repeated number is a duplicate: mostly near its neighbours, with jumps
/// over gaps, hours and some equal times.
pub(super) fn place(seq: u64) -> i64 {
    let seq = seq.cast_signed();
    let jump = seq / 60 * 3_000_000;
    jump + seq % 60 * 4_300 / 10 * 10 - if seq % 10 == 3 { 4_300 } else { 0 }
}
