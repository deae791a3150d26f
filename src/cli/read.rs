//! `ems-edge read`: one reading.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, complain, say};
use super::{EX_CONFIG, EX_UNAVAILABLE, IN_TROUBLE};
use crate::config::{self, Config};
use crate::sensor::{Reading, RegisterWord, Registers, SensorKind, look};
use crate::status::{AskError, Request, Snapshot, ask, socket_in};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// The chip's registers too, as they read.
    #[arg(long)]
    raw: bool,
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
    /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge read --help`.
pub(super) const HELP: &str = "\
Example: sudo ems-edge read
         sudo ems-edge read --json | jq .voltage

While the daemon runs, this is its last reading: two readers of one chip disturb
each other. Else the chip is read, and nothing is written to it.

Exit status: 0   a reading
             1   there is none: why, and what to do
             64  wrong arguments
             69  --raw while the daemon uses the chip, or it cannot be asked
             78  the configuration cannot be used";

pub(super) fn read(options: &Options) -> ExitCode {
    let config = match config::load(options.config.as_deref(), |key| std::env::var_os(key)) {
        Ok(loaded) => loaded.config,
        Err(mistakes) => {
            complain(&mistakes.to_string());
            return ExitCode::from(EX_CONFIG);
        }
    };
    let answer = match ask(&socket_in(&config.runtime_dir, config.device_id.as_str()), Request::Status) {
        Ok(_) if options.raw && config.sensor != SensorKind::Simulated => {
            complain(
                "the running daemon uses the chip, and a second reader would disturb it: leave --raw out for its \
                 last reading, or systemctl stop ems-edge first",
            );
            return ExitCode::from(EX_UNAVAILABLE);
        }
        Ok(answer) if !options.raw => answer.status.map(|snapshot| of_daemon(&snapshot)),
        Ok(_) | Err(AskError::NotRunning(_)) => None,
        Err(error) => {
            complain(&format!("{error}: run this with sudo"));
            return ExitCode::from(EX_UNAVAILABLE);
        }
    };
    match answer.unwrap_or_else(|| of_chip(&config, options.raw)) {
        Ok(seen) => {
            say(&if options.json { output::json(&seen.json()) } else { seen.text() });
            ExitCode::SUCCESS
        }
        Err(why) => {
            complain(&why);
            ExitCode::from(IN_TROUBLE)
        }
    }
}

/// A reading and where it comes from.
struct Seen {
    device: String,
    source: &'static str,
    reading: Reading,
    age_s: f64,
    registers: Option<Registers>,
}

fn of_daemon(snapshot: &Snapshot) -> Result<Seen, String> {
    if let Some(trouble) = &snapshot.sensor.trouble {
        return Err(trouble.clone());
    }
    let last = snapshot.reading.as_ref().ok_or("the daemon has not read the sensor yet: try again")?;
    let reading =
        Reading { voltage: last.voltage, current: last.current, temperature: last.temperature, charge: None };
    Ok(Seen {
        device: snapshot.sensor.device.clone(),
        source: "by the running daemon",
        reading,
        age_s: last.age_s,
        registers: None,
    })
}

fn of_chip(config: &Config, raw: bool) -> Result<Seen, String> {
    let wiring = config.wiring();
    let looks = look(&wiring, 1, 0).map_err(|error| error.to_string())?;
    let registers = looks.first().ok_or("the chip gave nothing")?;
    let device = wiring.device().to_string();
    let reading = match registers.reading(&wiring) {
        Ok(reading) => reading,
        Err(error) if raw => return Err(format!("{error}\n{}", list(registers).trim_end())),
        Err(error) => return Err(error.to_string()),
    };
    Ok(Seen {
        device,
        source: "from the chip",
        reading,
        age_s: 0.0,
        registers: raw.then(|| registers.clone()),
    })
}

impl Seen {
    fn text(&self) -> String {
        let values = [
            Some(format!("{:.3} V", self.reading.voltage)),
            self.reading.current.map(|amps| format!("{amps:+.3} A")),
            self.reading.current.map(|amps| format!("{:+.1} W", amps * self.reading.voltage)),
            self.reading.temperature.map(|celsius| format!("{celsius:.1} °C")),
        ];
        let values: Vec<_> = values.into_iter().flatten().collect();
        let age = if self.age_s >= 0.1 { format!(" {:.1} s ago", self.age_s) } else { String::new() };
        let mut text = format!("{}\n{}, read {}{age}\n", values.join("  "), self.device, self.source);
        if let Some(registers) = &self.registers {
            text.push_str(&list(registers));
        }
        text
    }

    fn json(&self) -> Value {
        let registers = self.registers.as_ref().map(|registers| {
            registers
                .list()
                .iter()
                .map(|word| (word.name.to_lowercase(), Value::from(word.value)))
                .collect::<Value>()
        });
        json!({
            "device": self.device,
            "source": self.source,
            "voltage": self.reading.voltage,
            "current": self.reading.current,
            "power": self.reading.current.map(|amps| amps * self.reading.voltage),
            "temperature": self.reading.temperature,
            "age_s": self.age_s,
            "registers": registers,
        })
    }
}

fn list(registers: &Registers) -> String {
    let line = |word: &RegisterWord| match word.number {
        Some(number) => format!("  {number:02x}h {:16} {:#06x}\n", word.name, word.value),
        None => format!("  {:20} {}\n", word.name, word.value),
    };
    registers.list().iter().map(line).collect()
}
