//! History as CSV (RFC 4180), for spreadsheets.

use csv::{Terminator, Writer, WriterBuilder};
use ems_protocol::Timestamp;
use serde_json::Value;

use crate::store::history::buckets::Bucket;
use crate::store::history::rollup::FIELDS;
use crate::store::samples::StoredSample;

/// Columns of a sample: paths in the telemetry object. After them comes what has no column, as a JSON object.
const COLUMNS: [&str; 47] = [
    "timestamp",
    "received_at",
    "boot_id",
    "seq",
    "clock",
    "system_status.state",
    "system_status.mode",
    "system_status.error_flags",
    "system_status.wifi_strength",
    "system_status.uptime_seconds",
    "system_status.firmware_version",
    "system_status.cpu_temperature",
    "system_status.undervoltage",
    "battery.voltage",
    "battery.current",
    "battery.power",
    "battery.soc",
    "battery.soc_low",
    "battery.soc_high",
    "battery.soc_uncertainty",
    "battery.synced",
    "battery.hours_since_sync",
    "battery.ah_since_sync",
    "battery.charge_allowed",
    "battery.load_allowed",
    "battery.temperature",
    "battery.soh",
    "battery.capacity",
    "battery.energy_in",
    "battery.energy_out",
    "battery.cycle_count",
    "battery.time_to_empty_s",
    "battery.time_to_full_s",
    "battery.faults",
    "battery.warnings",
    "grid.voltage",
    "grid.current",
    "grid.power",
    "grid.frequency",
    "grid.power_factor",
    "grid.energy_import",
    "grid.energy_export",
    "grid.status",
    "solar.power",
    "load.power",
    "v",
    UNKNOWN,
];
const UNKNOWN: &str = "unknown_fields";

/// Samples as rows, with a `head` before them.
pub(super) fn samples(samples: &[StoredSample], head: bool) -> Vec<u8> {
    let mut rows = writer();
    if head {
        write(&mut rows, COLUMNS.map(str::to_owned));
    }
    for sample in samples {
        // Our own types always serialise.
        let object = serde_json::to_value(&sample.telemetry).unwrap_or_default();
        write(
            &mut rows,
            COLUMNS.map(|column| match column {
                "received_at" => Timestamp::from_millis(sample.received_at).to_string(),
                UNKNOWN => {
                    let unknown = sample.telemetry.unknown_fields();
                    if unknown.is_empty() {
                        String::new()
                    } else {
                        guarded(Value::Object(unknown).to_string())
                    }
                }
                path => path
                    .split('.')
                    .try_fold(&object, |object, name| object.get(name))
                    .map_or_else(String::new, cell),
            }),
        );
    }
    finish(rows)
}

/// Buckets as rows.
pub(super) fn buckets(buckets: &[Bucket], head: bool) -> Vec<u8> {
    let mut rows = writer();
    if head {
        let fields = FIELDS
            .iter()
            .flat_map(|(name, _)| ["min", "mean", "max", "last"].map(|of| format!("{name}.{of}")));
        let own = ["at", "samples", "energy.in_wh", "energy.out_wh", "energy.covered_s"].map(str::to_owned);
        write(&mut rows, own.into_iter().chain(fields));
    }
    for Bucket { at, rollup } in buckets {
        let (charged, discharged) = rollup.energy.watt_hours();
        let own = [
            Timestamp::from_millis(*at).to_string(),
            rollup.samples.to_string(),
            charged.to_string(),
            discharged.to_string(),
            (rollup.energy.covered as f64 / 1e3).to_string(),
        ];
        let fields = rollup.stats.iter().flat_map(|stat| {
            let there = stat.count > 0;
            [stat.min, stat.mean(), stat.max, stat.last]
                .map(|v| if there { v.to_string() } else { String::new() })
        });
        write(&mut rows, own.into_iter().chain(fields));
    }
    finish(rows)
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

fn write(rows: &mut Writer<Vec<u8>>, cells: impl IntoIterator<Item = String>) {
    // A vector takes all, and all rows have as many cells.
    let _ = rows.write_record(cells);
}

fn finish(rows: Writer<Vec<u8>>) -> Vec<u8> {
    rows.into_inner().unwrap_or_default()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text.clone()),
        Value::Array(list) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            guarded(texts.join(";"))
        }
        number_or_bool => number_or_bool.to_string(),
    }
}

/// A device must not get a formula into somebody's spreadsheet. Numbers are not touched: they are no texts.
fn guarded(text: String) -> String {
    let first = text.chars().find(|c| !matches!(c, ' ' | '"' | '\''));
    let formula =
        matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'));
    if formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ems_protocol::Telemetry;

    fn sample(text: &str) -> StoredSample {
        let telemetry = Telemetry::parse(text, &"ems_001".parse().unwrap()).unwrap();
        StoredSample {
            at: telemetry.timestamp.millis(),
            received_at: telemetry.timestamp.millis() + 20,
            telemetry,
        }
    }

    #[test]
    fn every_field_has_its_column_and_what_could_be_a_formula_does_not_begin_a_cell() {
        let text = r#"{"device_id":"ems_001","timestamp":"2026-02-03T12:00:00Z","boot_id":"=cmd()","seq":1,
            "battery":{"voltage":53.2,"soc":85,"current":-1.5,"faults":["A","B"],"load_allowed":true},
            "system_status":{"firmware_version":" @SUM(A1)","error_flags":["-1+1"]},"grid":{"status":"a,\"b\"\n"},"note":"x"}"#;
        let file = samples(&[sample(text)], true);
        let mut reader = csv::Reader::from_reader(file.as_slice());
        let head = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let cell =
            |name: &str| row.get(head.iter().position(|column| column == name).unwrap()).unwrap().to_owned();
        for (column, expected) in [
            ("timestamp", "2026-02-03T12:00:00.000Z"),
            ("received_at", "2026-02-03T12:00:00.020Z"),
            ("boot_id", "'=cmd()"),
            ("battery.current", "-1.5"),
            ("battery.faults", "A;B"),
            ("battery.load_allowed", "true"),
            ("battery.power", ""),
            ("system_status.firmware_version", "' @SUM(A1)"),
            ("system_status.error_flags", "'-1+1"),
            ("grid.status", "a,\"b\"\n"),
            ("unknown_fields", r#"{"note":"x"}"#),
        ] {
            assert_eq!(cell(column), expected, "{column}");
        }
        assert!(file.starts_with(b"timestamp,received_at,") && file.ends_with(b"\r\n"));
    }

    #[test]
    fn no_field_of_the_contract_is_left_out() {
        let telemetry = Telemetry::new("ems_001".parse().unwrap(), Timestamp::from_millis(0));
        let schemas = crate::contract::schemas();
        // A group may be written in its place or stand by itself, possibly beside null.
        let group = |field: &Value| -> Option<Vec<String>> {
            let choices = field["anyOf"].as_array().into_iter().flatten();
            let named = choices.chain([field]).find_map(|choice| choice["$ref"].as_str());
            let field = named.map_or(field, |path| &schemas[path.rsplit('/').next().unwrap()]);
            let fields = field["properties"].as_object().map(|group| group.keys().cloned().collect());
            // Of an object whose fields are not listed there is nothing to compare.
            fields.or_else(|| (field["type"] == "object").then(Vec::new))
        };
        let mut missing = Vec::new();
        for (name, field) in schemas["Telemetry"]["properties"].as_object().unwrap() {
            match group(field) {
                Some(fields) => missing.extend(fields.into_iter().map(|field| format!("{name}.{field}"))),
                None => missing.push(name.clone()),
            }
        }
        assert!(missing.contains(&"battery.power".to_owned()), "groups are found: {missing:?}");
        missing.retain(|path| !COLUMNS.contains(&path.as_str()) && path != "device_id");
        assert_eq!(missing, Vec::<String>::new());
        assert!(telemetry.unknown_fields().is_empty());
    }
}
