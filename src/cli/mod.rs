//! The command line: one file a subcommand.

mod local_time;
mod replay;
mod run;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// `EX_CONFIG` of sysexits.h: the configuration is wrong, a restart will not help.
const EX_CONFIG: u8 = 78;
/// `EX_USAGE`: the arguments are wrong.
const EX_USAGE: u8 = 64;
/// `EX_UNAVAILABLE`: the daemon cannot be asked.
const EX_UNAVAILABLE: u8 = 69;
/// The daemon runs, and something is wrong.
const IN_TROUBLE: u8 = 1;

#[derive(Parser)]
#[command(version, about, after_help = "Example: ems-edge run --config ./config.env")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read the sensor, send telemetry, take commands, until SIGTERM.
    #[command(after_help = "Example: SENSOR=simulated ems-edge run --config ./config.env")]
    Run {
        /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
        #[arg(long, value_name = "PATH")]
        config: Option<PathBuf>,
    },
    /// Show how the running daemon is: battery, connection, waiting samples, trouble.
    #[command(after_help = status::HELP)]
    Status(status::Options),
    /// Estimate the state of charge of recorded samples.
    #[command(after_help = replay::HELP)]
    Replay(replay::Options),
}

/// Parses the arguments and runs the subcommand.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is no reason to fail: whoever closed it has seen enough.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Run { config } => run::run(config.as_deref()),
        Command::Status(options) => status::status(&options),
        Command::Replay(options) => replay::replay(&options),
    }
}
