//! The command line.

mod backup;
mod command;
mod device;
mod init;
mod secret;
mod serve;
mod user;
mod webhook;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rusqlite::Connection;

use crate::data_dir::{DataDir, open_own};
use crate::store::open_connection;
use crate::systemd;

/// The server of the battery telemetry system: devices report to it, dashboards watch.
#[derive(Debug, Parser)]
#[command(name = "ems-cloud", version, arg_required_else_help = true, after_help = EXAMPLE)]
struct Arguments {
    /// The data folder: database, keys, certificates
    #[arg(
        long,
        value_name = "DIR",
        env = "EMS_CLOUD_DATA",
        default_value = "/var/lib/ems-cloud",
        global = true
    )]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "Example:
  ems-cloud init --host ems.example.org
  ems-cloud device add ems_001 --name 'Garage'
  ems-cloud user add ada --role operator
  ems-cloud serve --listen-plain 127.0.0.1:8080
  ems-cloud command send ems_001 PING

Exit status: 0 done, 64 wrong arguments, 78 wrong configuration or data folder, 1 any other failure.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the data folder: a CA, a certificate, the database, the first admin
    Init(init::Init),
    /// Register devices and manage their tokens; also while the server runs
    #[command(subcommand)]
    Device(device::Device),
    /// Add users, change their roles and passwords; also while the server runs
    #[command(subcommand)]
    User(user::User),
    /// Send commands to devices; while the server runs
    #[command(subcommand)]
    Command(command::Command),
    /// Tell other servers what happens; also while the server runs
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Copy the data folder as it is at one moment; also while the server runs
    Backup(backup::Backup),
    /// Run the server
    Serve(serve::Serve),
}

/// Why a command failed: one sentence, and the exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    sentence: String,
}

impl Failure {
    /// Wrong arguments (`EX_USAGE`).
    fn usage(sentence: impl Display) -> Self {
        Self { status: 64, sentence: sentence.to_string() }
    }

    /// The data folder or an address cannot be used (`EX_CONFIG`).
    fn config(sentence: impl Display) -> Self {
        Self { status: 78, sentence: sentence.to_string() }
    }

    /// Anything else.
    fn other(sentence: impl Display) -> Self {
        Self { status: 1, sentence: sentence.to_string() }
    }
}

/// Does what the arguments say.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let status = if error.use_stderr() { 64 } else { 0 };
            if status != 0 {
                systemd::failed(error.to_string().lines().next().unwrap_or_default());
            }
            // Nothing is left to be told to if the terminal is gone.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    let data = DataDir::new(arguments.data);
    let result = match arguments.command {
        Command::Init(init) => init.run(&data),
        Command::Device(device) => device.run(&data),
        Command::Command(command) => command.run(&data),
        Command::Backup(backup) => backup.run(&data),
        Command::User(user) => user.run(&data),
        Command::Webhook(webhook) => webhook.run(&data),
        Command::Serve(serve) => serve.run(data),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "ems-cloud: {}", failure.sentence);
            systemd::failed(&failure.sentence);
            ExitCode::from(failure.status)
        }
    }
}

/// Opens the database of an existing data folder.
fn open_database(data: &DataDir) -> Result<Connection, Failure> {
    let path = data.database();
    if !path.exists() {
        return Err(Failure::config(format!(
            "{}: there is no database; run `ems-cloud init` first, or name the folder with --data",
            path.display()
        )));
    }
    // As root too, it is the file itself that is written, and not what a link names.
    open_own(&path).map_err(|error| Failure::config(format!("{}: {error}", path.display())))?;
    open_connection(&path).map_err(|error| Failure::config(format!("{}: {error}", path.display())))
}

/// Writes lines to standard output.
fn say(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::other(format!("standard output: {error}")))
}
