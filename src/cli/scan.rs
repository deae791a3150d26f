//! `ems-edge scan`: who is on the I2C bus.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::output::{self, complain, say};
use super::{IN_TROUBLE, NOBODY};
use crate::config::{self, Config};
use crate::sensor::{Answer, SensorKind, scan as look_round};
use crate::status::running_below;

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// The bus: a number or a path [default: the configuration's, else every one].
    #[arg(long, value_name = "BUS", value_parser = node)]
    bus: Option<PathBuf>,
    /// For programs: a JSON array.
    #[arg(long)]
    json: bool,
    /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge scan --help`.
pub(super) const HELP: &str = "\
Example: sudo ems-edge scan
         sudo ems-edge scan --bus 1

Reads only: nothing is written to a chip that might take it for a command. A chip
that the running daemon uses is not touched.

Exit status: 0   somebody answers
             1   a bus cannot be looked at: why, and what to do
             3   nobody answers
             64  wrong arguments";

/// The device node of a bus.
fn node(bus: &str) -> Result<PathBuf, &'static str> {
    if bus.contains('/') {
        Ok(PathBuf::from(bus))
    } else if !bus.is_empty() && bus.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(PathBuf::from(format!("/dev/i2c-{bus}")))
    } else {
        Err("expected a bus number or a path such as /dev/i2c-1")
    }
}

pub(super) fn scan(options: &Options) -> ExitCode {
    let config = config::load(options.config.as_deref(), |key| std::env::var_os(key)).ok();
    let config = config.map(|loaded| loaded.config).filter(|config| config.sensor != SensorKind::Simulated);
    let is_used = |config: &&Config| {
        let chip = config.wiring().device().to_string();
        running_below(&config.runtime_dir).iter().any(|snapshot| snapshot.sensor.device == chip)
    };
    let in_use = config.as_ref().filter(is_used).map(|config| (config.i2c_bus.clone(), config.i2c_address));
    let buses = match (&options.bus, &config) {
        (Some(bus), _) => vec![bus.clone()],
        (None, Some(config)) => vec![config.i2c_bus.clone()],
        (None, None) => buses(),
    };
    if buses.is_empty() {
        complain(
            "there is no I2C bus in /dev: set dtparam=i2c_arm=on in config.txt and reboot; ems-edge doctor says more",
        );
        return ExitCode::from(IN_TROUBLE);
    }
    let mut found = Vec::new();
    for bus in &buses {
        let mine = in_use.as_ref().filter(|(used, _)| used == bus).map(|(_, address)| *address);
        match look_round(bus, mine) {
            Ok(mut answers) => {
                let daemons = |address| Answer {
                    address,
                    who: "in use by the running daemon".to_owned(),
                    sensor: None,
                };
                answers.extend(mine.map(daemons));
                answers.sort_by_key(|answer| answer.address);
                found.push((bus.as_path(), answers));
            }
            Err(error) => {
                complain(&error.to_string());
                return ExitCode::from(IN_TROUBLE);
            }
        }
    }
    say(&if options.json {
        for_programs(&found)
    } else {
        found.iter().map(|(bus, answers)| text(bus, answers)).collect()
    });
    if found.iter().all(|(_, answers)| answers.is_empty()) {
        ExitCode::from(NOBODY)
    } else {
        ExitCode::SUCCESS
    }
}

fn buses() -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_bus = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()?.strip_prefix("i2c-")?.parse::<u8>().ok()).is_some()
    };
    let mut buses: Vec<_> = entries.filter(is_bus).collect();
    buses.sort();
    buses
}

fn text(bus: &Path, answers: &[Answer]) -> String {
    if answers.is_empty() {
        return format!(
            "nobody answers on {}: check power, SDA, SCL and ground of the sensor\n",
            bus.display()
        );
    }
    let line = |answer: &Answer| {
        let advice =
            answer.sensor.map(|sensor| format!(" -> SENSOR={sensor} I2C_ADDRESS={:#04x}", answer.address));
        format!("{:#04x}  {}{}\n", answer.address, answer.who, advice.unwrap_or_default())
    };
    format!("{}\n{}", bus.display(), answers.iter().map(line).collect::<String>())
}

fn for_programs(found: &[(&Path, Vec<Answer>)]) -> String {
    let all: Vec<_> = found
        .iter()
        .flat_map(|(bus, answers)| {
            answers.iter().map(move |answer| {
                json!({"bus": bus, "address": format!("{:#04x}", answer.address), "who": answer.who, "sensor": answer.sensor})
            })
        })
        .collect();
    output::json(&all)
}
