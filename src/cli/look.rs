//! `ems-edge look`, hidden: the doctor's look at the chip, as a process and a user of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::output::say;
use crate::doctor::{Answer, LOOKS, PAUSE_MS};
use crate::sensor::{CurrentSign, SensorKind, Shunt, Wiring, look};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    #[arg(long)]
    bus: PathBuf,
    #[arg(long, value_parser = address)]
    address: u8,
    #[arg(long, value_parser = chip)]
    chip: SensorKind,
}

/// A number as 0x40.
pub(super) fn address(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix("0x").ok_or("expected an address such as 0x40")?;
    u8::from_str_radix(digits, 16).map_err(|_| "expected an address such as 0x40".to_owned())
}

fn chip(text: &str) -> Result<SensorKind, String> {
    let kinds = SensorKind::WORDS.iter().filter(|(word, _)| *word == text);
    kinds.map(|(_, kind)| *kind).next().ok_or_else(|| "expected a value of SENSOR".to_owned())
}

/// Prints one line of JSON.
pub(super) fn run(options: Options) -> ExitCode {
    // Only registers are read: what they mean is worked out by who asked.
    let wiring = Wiring {
        kind: options.chip,
        bus: options.bus,
        address: options.address,
        shunt: Shunt { ohms: 1.0, rated_amps: None },
        current_sign: CurrentSign::Normal,
        divider: 1.0,
        temperature_probe: None,
        sense: None,
    };
    let answer = Answer::of(look(&wiring, LOOKS, PAUSE_MS));
    say(&serde_json::to_string(&answer).unwrap_or_default());
    ExitCode::SUCCESS
}
