//! Fields of a sample that have no column: one JSON object of them by group.

use ems_protocol::{Battery, Telemetry};
use serde_json::{Map, Value};

/// The fields that have no column of their own, as a JSON object.
pub(super) fn extra(sample: &Telemetry) -> Option<String> {
    let mut unknown = sample.unknown_fields();
    let later = later_fields(&sample.battery);
    if !later.is_empty()
        && let Value::Object(group) = unknown.entry("battery").or_insert_with(|| Value::Object(Map::new()))
    {
        group.extend(later);
    }
    if unknown.is_empty() { None } else { serde_json::to_string(&unknown).ok() }
}

/// The battery's fields that came after the table had its columns: they are stored beside the unknown ones.
fn later_fields(battery: &Battery) -> Map<String, Value> {
    let fields: [(&str, Option<Value>); 4] = [
        ("hours_since_sync", battery.hours_since_sync.map(Value::from)),
        ("ah_since_sync", battery.ah_since_sync.map(Value::from)),
        ("charge_allowed", battery.charge_allowed.map(Value::from)),
        ("load_allowed", battery.load_allowed.map(Value::from)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn add_battery(battery: &mut Battery, mut group: Map<String, Value>) {
    let mut take = |name: &str| group.remove(name);
    battery.hours_since_sync = take("hours_since_sync").and_then(|v| v.as_f64());
    battery.ah_since_sync = take("ah_since_sync").and_then(|v| v.as_f64());
    battery.charge_allowed = take("charge_allowed").and_then(|v| v.as_bool());
    battery.load_allowed = take("load_allowed").and_then(|v| v.as_bool());
    battery.extra = group;
}

/// Puts such fields back where they belong.
pub(super) fn add_extra(sample: &mut Telemetry, extra: Map<String, Value>) {
    for (name, value) in extra {
        match (name.as_str(), value) {
            ("system_status", Value::Object(group)) => {
                sample.system_status.get_or_insert_default().extra = group;
            }
            ("battery", Value::Object(group)) => add_battery(&mut sample.battery, group),
            ("grid", Value::Object(group)) => sample.grid.get_or_insert_default().extra = group,
            ("solar", Value::Object(group)) => sample.solar.get_or_insert_default().extra = group,
            ("load", Value::Object(group)) => sample.load.get_or_insert_default().extra = group,
            (_, value) => {
                sample.extra.insert(name, value);
            }
        }
    }
}
