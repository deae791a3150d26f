//! Writes the types of the page from ours, so that they cannot drift apart.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use ts_rs::{Config, TS};

use crate::{
    Alarm, AlarmKind, AlarmRule, Battery, ClockQuality, CommandStatus, DeviceEvent, DeviceId, ErrorCode,
    ErrorMessage, FleetRow, Grid, Heartbeat, Mode, Point, PowerMeter, Presence, ReasonCode, Severity, Spark,
    State, SystemStatus, Telemetry, Timestamp, UwbDevice, UwbDeviceList, UwbLocation,
};

/// Where the page takes them from.
const FILE: &str = "../dashboard/src/telemetry/protocol.ts";

const HEAD: &str = "\
// Made from the crate `protocol` by its test; do not edit. After a change there:
// EMS_UPDATE_TYPES=1 cargo test -p ems-protocol --lib typescript
//
// Units are SI and named at each field. `current` and `power` of a battery are positive while it charges. Fields that
// are not known are left out.
";

#[test]
fn the_types_of_the_page_are_those_of_the_protocol() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let wanted = typescript();
    if env::var_os("EMS_UPDATE_TYPES").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{FILE} is out of date: run EMS_UPDATE_TYPES=1 cargo test -p ems-protocol --lib typescript"
    );
}

fn typescript() -> String {
    let config = Config::new();
    let mut text = HEAD.to_owned();
    add::<DeviceId>(&mut text, &config);
    add::<Timestamp>(&mut text, &config);
    add::<ClockQuality>(&mut text, &config);
    add::<State>(&mut text, &config);
    add::<Mode>(&mut text, &config);
    add::<Telemetry>(&mut text, &config);
    add::<SystemStatus>(&mut text, &config);
    add::<Battery>(&mut text, &config);
    add::<Grid>(&mut text, &config);
    add::<PowerMeter>(&mut text, &config);
    add::<Severity>(&mut text, &config);
    add::<DeviceEvent>(&mut text, &config);
    add::<Heartbeat>(&mut text, &config);
    add::<Presence>(&mut text, &config);
    add::<FleetRow<'_>>(&mut text, &config);
    add::<Spark>(&mut text, &config);
    add::<AlarmKind>(&mut text, &config);
    add::<AlarmRule>(&mut text, &config);
    add::<Alarm>(&mut text, &config);
    add::<CommandStatus>(&mut text, &config);
    add::<ReasonCode>(&mut text, &config);
    add::<ErrorCode>(&mut text, &config);
    add::<ErrorMessage>(&mut text, &config);
    add::<Point>(&mut text, &config);
    add::<UwbLocation>(&mut text, &config);
    add::<UwbDevice>(&mut text, &config);
    add::<UwbDeviceList>(&mut text, &config);
    text
}

fn add<T: TS>(text: &mut String, config: &Config) {
    let docs = T::docs().unwrap_or_default();
    write!(text, "\n{}", tidy(&format!("{docs}export {}\n", T::decl(config)))).unwrap();
}

/// The generator's text as a person would set it out.
fn tidy(text: &str) -> String {
    let text = text
        .replace(", \n", ";\n")
        .replace(", };", ";\n};")
        .replace(" \n", "\n")
        .replace("/**\n * ", "/** ")
        .replace("\n */", " */");
    let mut tidy = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside &= line != "};";
        writeln!(tidy, "{}{line}", if inside { "  " } else { "" }).unwrap();
        inside |= line.ends_with('{');
    }
    tidy
}
