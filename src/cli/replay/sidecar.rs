//! The pack of a trace, as a technician would configure it.

use serde::Deserialize;
use serde_json::Value;

use crate::battery::sensing::{self, ChipErrors};
use crate::battery::{Chemistry, Pack, SensorErrors, Setup};

/// What is taken of the file, as it is written there; other fields are passed over.
#[derive(Debug, Deserialize)]
struct Sidecar {
    chemistry: Option<Value>,
    series: Option<Value>,
    #[serde(rename = "capacity_Ah")]
    capacity_ah: Option<Value>,
    sensor: Option<Value>,
    shunt_ohm: Option<Value>,
    divider: Option<Value>,
    #[serde(rename = "charge_voltage_per_cell_V")]
    charge_voltage: Option<Value>,
}

/// What Windows' editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const CHEMISTRIES: [(&str, Chemistry); 3] =
    [("lfp", Chemistry::Lfp), ("nmc", Chemistry::Nmc), ("lead_acid", Chemistry::LeadAcid)];

/// What the sidecar says, with a warning where there is one.
pub(super) fn read(text: &[u8]) -> Result<(Setup, Option<String>), String> {
    let sidecar = parse(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))?;
    let (setup, sensor) = setup(&sidecar)?;
    let doubt = chip(sensor)
        .is_none()
        .then(|| format!("sensor {} is not known: it is taken to be as inexact as an INA219", shown(sensor)));
    Ok((setup, doubt))
}

/// A field that is there twice is a mistake; no number counts as another.
fn parse(text: &[u8]) -> Result<Sidecar, String> {
    if text.first().is_none_or(|first| *first != b'{') && !text.trim_ascii_start().starts_with(b"{") {
        return Err("is no JSON object: it begins with { and names chemistry, series, capacity_Ah and so on"
            .to_owned());
    }
    serde_json::from_slice(text).map_err(|e| format!("is no JSON: {e}"))
}

/// What the estimator is told, and the name of the sensor.
fn setup(sidecar: &Sidecar) -> Result<(Setup, &str), String> {
    let chemistry = word("chemistry", sidecar.chemistry.as_ref())?;
    let chemistry =
        CHEMISTRIES.iter().find(|(word, _)| word.eq_ignore_ascii_case(chemistry)).map(|(_, found)| *found);
    let chemistry = chemistry.ok_or("chemistry is none of lfp, nmc and lead_acid")?;
    let within = |name: &str, value: Option<&Value>, low: f64, high: f64| {
        let value = value.ok_or_else(|| format!("has no {name}: it must be {low} to {high}"))?;
        match value.as_f64() {
            Some(number) if (low..=high).contains(&number) => Ok(number),
            _ => Err(format!("{name} is {}: it must be {low} to {high}", shown(&value.to_string()))),
        }
    };
    let series = within("series", sidecar.series.as_ref(), 1.0, 400.0)?;
    if series.fract() != 0.0 {
        return Err(format!("series is {series}: it must be a whole number of cells"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 400, whole")]
    let cells_series = series as u16;
    let capacity_ah = within("capacity_Ah", sidecar.capacity_ah.as_ref(), 0.1, 100_000.0)?;
    let shunt = within("shunt_ohm", sidecar.shunt_ohm.as_ref(), 1e-6, 10.0)?;
    let divider = match &sidecar.divider {
        None => 1.0,
        divider => within("divider", divider.as_ref(), 1.0, 1000.0)?,
    };
    let (least, most) = chemistry.charge_cell_volts();
    let full_cell_volts = within("charge_voltage_per_cell_V", sidecar.charge_voltage.as_ref(), least, most)?;
    let sensor = word("sensor", sidecar.sensor.as_ref())?;
    let setup = Setup {
        pack: Pack { chemistry, cells_series, capacity_ah },
        errors: SensorErrors::of(&chip(sensor).unwrap_or(sensing::UNKNOWN), shunt, divider),
        full_cell_volts,
        standby_amps: 0.0,
        interval_seconds: 1.0,
    };
    Ok((setup, sensor))
}

fn word<'a>(name: &str, value: Option<&'a Value>) -> Result<&'a str, String> {
    let value = value.ok_or_else(|| format!("has no {name}"))?;
    value
        .as_str()
        .ok_or_else(|| format!("{name} is {}: it must be a word in quotes", shown(&value.to_string())))
}

/// The beginning of a text, as a terminal can bear it.
fn shown(text: &str) -> String {
    text.chars().take(24).collect::<String>().escape_debug().to_string()
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
