//! `ems-edge config show`: what holds, and where it comes from.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::EX_CONFIG;
use super::output::{self, complain, say};
use crate::config::{self, Effective, Origin};

/// What is to be done.
#[derive(Subcommand)]
pub(super) enum Action {
    /// Show every key with its value and where that comes from; secrets are masked.
    #[command(after_help = HELP)]
    Show(Options),
}

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
    /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

const HELP: &str = "\
Example: sudo ems-edge config show
         sudo ems-edge config show --json | jq .SENSOR.value

Exit status: 0   the configuration can be used
             64  wrong arguments
             78  it cannot: each mistake with its line and the remedy";

pub(super) fn config(action: &Action) -> ExitCode {
    let Action::Show(options) = action;
    let entries = config::effective(options.config.as_deref(), |key| std::env::var_os(key));
    say(&if options.json { for_programs(&entries) } else { text(&entries) });
    match config::load(options.config.as_deref(), |key| std::env::var_os(key)) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|warning| complain(warning));
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            complain(&mistakes.to_string());
            ExitCode::from(EX_CONFIG)
        }
    }
}

/// One line a key.
pub(super) fn text(entries: &[Effective]) -> String {
    let line = |entry: &Effective| {
        let value = entry.shown().unwrap_or_default();
        format!("{:16} {:32} {}\n", entry.key.name, value, entry.origin)
    };
    entries.iter().map(line).collect()
}

fn for_programs(entries: &[Effective]) -> String {
    let object: serde_json::Map<String, Value> = entries
        .iter()
        .map(|entry| {
            let is_default = matches!(entry.origin, Origin::Default | Origin::Missing);
            let value =
                json!({"value": entry.shown(), "origin": entry.origin.to_string(), "set": !is_default});
            (entry.key.name.to_owned(), value)
        })
        .collect();
    output::json(&object)
}
