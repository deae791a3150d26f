//! The recorded traces and their sidecars.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ems_edge::battery::{Chemistry, Pack, SensorErrors, Setup, sensing};
use ems_simulator::Row;
use flate2::read::GzDecoder;

pub(crate) const TRACES: [&str; 6] = [
    "p1_lfp16s_ems__ina228",
    "p2_lfp4s_charge_drive__ina226",
    "p3_nmc13s_commute__ina226",
    "p4_nmc3s_cold__ina219",
    "p5_lead12v_rv__ina219",
    "p6_lfp16s_ems_aged__ina219",
];

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces")
}

/// A trace as it was recorded: `t_s`, `v_bat_V`, `i_bat_A`, `temp_C`, `soc_true`.
pub(crate) fn trace(name: &str) -> String {
    let mut text = String::new();
    let file = File::open(folder().join(format!("{name}.csv.gz"))).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

pub(crate) fn numbers(line: &str) -> Vec<f64> {
    line.split(',').map(|field| field.parse().unwrap()).collect()
}

/// The rows of a trace, and what a technician would configure for it.
pub(crate) fn recorded(name: &str) -> (Setup, Vec<Row>) {
    let sidecar = fs::read(folder().join(format!("{name}.json"))).unwrap();
    let sidecar: serde_json::Value = serde_json::from_slice(&sidecar).unwrap();
    let number = |key: &str| sidecar[key].as_f64().unwrap();
    let chemistry = match sidecar["chemistry"].as_str().unwrap() {
        "lfp" => Chemistry::Lfp,
        "nmc" => Chemistry::Nmc,
        "lead_acid" => Chemistry::LeadAcid,
        other => panic!("{other}"),
    };
    let chip = match sidecar["sensor"].as_str().unwrap() {
        "ina219" => sensing::INA219,
        "ina226" => sensing::INA226,
        "ina228" => sensing::INA228,
        other => panic!("{other}"),
    };
    let pack = Pack { chemistry, cells_series: number("series") as u16, capacity_ah: number("capacity_Ah") };
    let setup = Setup {
        pack,
        errors: SensorErrors::of(&chip, number("shunt_ohm"), number("divider")),
        full_cell_volts: number("charge_voltage_per_cell_V"),
        standby_amps: 0.0,
        interval_seconds: 1.0,
    };
    let row = |line: &str| {
        let [seconds, volts, amps, _, soc] = numbers(line)[..] else { panic!("{line}") };
        Row { seconds, volts, amps, soc }
    };
    (setup, trace(name).lines().skip(1).map(row).collect())
}
