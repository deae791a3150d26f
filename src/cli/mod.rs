//! The command line: one file a subcommand.

mod ask;
mod bundle;
mod calibrate;
mod config;
mod doctor;
mod identify;
mod local_time;
mod look;
mod output;
mod outputs_safe;
mod read;
mod reload;
mod replay;
mod run;
mod scan;
mod setup;
mod status;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::words::without_tokens;

/// `EX_CONFIG` of sysexits.h: the configuration is wrong, a restart will not help.
const EX_CONFIG: u8 = 78;
/// `EX_USAGE`: the arguments are wrong.
const EX_USAGE: u8 = 64;
/// `EX_UNAVAILABLE`: the daemon cannot be asked.
const EX_UNAVAILABLE: u8 = 69;
/// Something is wrong.
const IN_TROUBLE: u8 = 1;
/// It works, but something deserves a look.
const DESERVES_A_LOOK: u8 = 2;
/// Nobody answers on the bus.
const NOBODY: u8 = 3;

#[derive(Parser)]
#[command(
    name = "ems-edge",
    version,
    about,
    after_help = "Example: sudo ems-edge doctor\nEach subcommand has a --help of its own, with examples."
)]
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
    /// Ask for the settings, test them, write them and start the service.
    #[command(after_help = setup::HELP)]
    Setup(setup::Options),
    /// Find what is wrong, and what to do about it.
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::Options),
    /// Have the running daemon read its configuration anew: applied as a whole, or refused with the reason.
    #[command(after_help = reload::HELP)]
    Reload(reload::Options),
    /// Show how the running daemon is: battery, connection, waiting samples, trouble.
    #[command(after_help = status::HELP)]
    Status(status::Options),
    /// Read the sensor once.
    #[command(after_help = read::HELP)]
    Read(read::Options),
    /// List who answers on the I2C bus.
    #[command(after_help = scan::HELP)]
    Scan(scan::Options),
    /// Find the effective divider and shunt against a meter.
    #[command(after_help = calibrate::HELP)]
    Calibrate(calibrate::Options),
    /// Show the configuration as it holds.
    #[command(subcommand, after_help = "Example: sudo ems-edge config show")]
    Config(config::Action),
    /// Make a support archive without secrets.
    #[command(after_help = bundle::HELP)]
    Bundle(bundle::Options),
    /// Blink the board's LED, to find this board among others.
    #[command(after_help = identify::HELP)]
    Identify(identify::Options),
    /// Switch all outputs off, after the daemon's end: the service manager does so by itself.
    #[command(after_help = outputs_safe::HELP)]
    OutputsSafe(outputs_safe::Options),
    /// Show the version.
    #[command(after_help = version::HELP)]
    Version(version::Options),
    #[command(hide = true)]
    Look(look::Options),
    /// Estimate the state of charge of recorded samples.
    #[command(after_help = replay::HELP)]
    Replay(replay::Options),
}

/// Parses the arguments and runs the subcommand.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            if !error.use_stderr() {
                output::say(&error.render().to_string());
                return output::end(ExitCode::SUCCESS);
            }
            // It quotes the word that it does not know.
            output::complain(without_tokens(&error.render().to_string()).trim_end());
            return ExitCode::from(EX_USAGE);
        }
    };
    output::end(match arguments.command {
        Command::Run { config } => run::run(config.as_deref()),
        Command::Setup(options) => setup::setup(&options),
        Command::Doctor(options) => doctor::doctor(&options),
        Command::Reload(options) => reload::reload(&options),
        Command::Status(options) => status::status(&options),
        Command::Read(options) => read::read(&options),
        Command::Scan(options) => scan::scan(&options),
        Command::Calibrate(options) => calibrate::calibrate(&options),
        Command::Config(action) => config::config(&action),
        Command::Bundle(options) => bundle::bundle(&options),
        Command::Identify(options) => identify::identify(&options),
        Command::OutputsSafe(options) => outputs_safe::outputs_safe(&options),
        Command::Version(options) => version::version(&options),
        Command::Look(options) => look::run(options),
        Command::Replay(options) => replay::replay(&options),
    })
}
