//! The pack of a trace, as a technician would configure it.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::battery::sensing::{self, ChipErrors};
use crate::battery::{Chemistry, Pack, SensorErrors, Setup};

/// What is taken of the file; other fields are passed over.
#[derive(Debug, Deserialize)]
struct Sidecar {
    chemistry: ChemistryName,
    series: u16,
    #[serde(rename = "capacity_Ah")]
    capacity_ah: f64,
    sensor: String,
    shunt_ohm: f64,
    #[serde(default = "undivided")]
    divider: f64,
    #[serde(rename = "charge_voltage_per_cell_V")]
    charge_voltage: f64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChemistryName {
    Lfp,
    Nmc,
    LeadAcid,
}

fn undivided() -> f64 {
    1.0
}

/// Reads the sidecar, with a warning where there is one; the error is a sentence that names the file.
pub(super) fn read(path: &Path) -> Result<(Setup, Option<String>), String> {
    let name = path.display();
    let text = fs::read(path).map_err(|e| format!("cannot read the pack {name}: {e}"))?;
    let mut json = serde_json::Deserializer::from_slice(&text);
    let sidecar: Sidecar =
        serde_path_to_error::deserialize(&mut json).map_err(|e| format!("the pack {name}: {e}"))?;
    json.end().map_err(|e| format!("the pack {name}: {e}"))?;
    let setup = setup(&sidecar).map_err(|why| format!("the pack {name}: {why}"))?;
    let doubt = chip(&sidecar.sensor).is_none().then(|| {
        let shown: String = sidecar.sensor.chars().take(24).collect();
        format!(
            "the pack {name}: sensor {} is not known: it is taken to be as inexact as an INA219",
            shown.escape_debug()
        )
    });
    Ok((setup, doubt))
}

fn setup(sidecar: &Sidecar) -> Result<Setup, String> {
    let chemistry = match sidecar.chemistry {
        ChemistryName::Lfp => Chemistry::Lfp,
        ChemistryName::Nmc => Chemistry::Nmc,
        ChemistryName::LeadAcid => Chemistry::LeadAcid,
    };
    let within = |name: &str, value: f64, low: f64, high: f64| {
        if (low..=high).contains(&value) {
            Ok(value)
        } else {
            Err(format!("{name} is {value}: it must be {low} to {high}"))
        }
    };
    let series = within("series", f64::from(sidecar.series), 1.0, 400.0).map(|_| sidecar.series)?;
    let capacity_ah = within("capacity_Ah", sidecar.capacity_ah, 0.1, 100_000.0)?;
    let shunt = within("shunt_ohm", sidecar.shunt_ohm, 1e-6, 10.0)?;
    let divider = within("divider", sidecar.divider, 1.0, 1000.0)?;
    let (least, most) = chemistry.charge_cell_volts();
    let full_cell_volts = within("charge_voltage_per_cell_V", sidecar.charge_voltage, least, most)?;
    Ok(Setup {
        pack: Pack { chemistry, cells_series: series, capacity_ah },
        errors: SensorErrors::of(&chip(&sidecar.sensor).unwrap_or(sensing::UNKNOWN), shunt, divider),
        full_cell_volts,
        standby_amps: 0.0,
        interval_seconds: 1.0,
    })
}

fn chip(name: &str) -> Option<ChipErrors> {
    match name.to_ascii_lowercase().as_str() {
        "ina219" => Some(sensing::INA219),
        "ina226" | "simulated" => Some(sensing::INA226),
        "ina228" => Some(sensing::INA228),
        "ina237" | "ina238" => Some(sensing::INA238),
        _ => None,
    }
}
