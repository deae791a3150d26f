//! Runs a program with a simulated I2C bus behind its `/dev/i2c-N` ioctls. See the README.

mod adapter;
mod bench;
mod control;
mod control_file;
mod gpio_chip;
mod i2c_dev;
mod kernel;
mod memory;
mod open_files;
mod pack;
mod program;
mod registers;
mod seccomp;
mod smbus;
mod supervisor;
mod transfer_log;
mod wire;
mod words;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;

use crate::adapter::Adapter;
use crate::i2c_dev::I2cDev;
use crate::program::{Program, Signals};
use crate::transfer_log::TransferLog;

/// Runs PROGRAM with a simulated I2C bus behind its /dev/i2c-N ioctls.
#[derive(Debug, Parser)]
#[command(
    after_help = "Exit status: the program's own (128 + N if signal N killed it); 125 if i2c-bus itself \
                  failed, 126 if the program could not be run, 127 if it was not found, 2 for a wrong command line."
)]
struct Arguments {
    /// The control file: chips and faults, re-read whenever it changes
    #[arg(long, value_name = "CONTROL")]
    bus: PathBuf,
    /// Write one line for each transfer to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _stream_closed = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&arguments) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            complain(format_args!("{}", failure.sentence));
            ExitCode::from(failure.status)
        }
    }
}

struct Failure {
    status: u8,
    sentence: String,
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { status: 125, sentence: error.to_string() }
    }
}

impl Failure {
    fn saying(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self { status: 125, sentence: format!("{what}: {error}") }
    }
}

fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let log = match &arguments.log {
        Some(path) => {
            TransferLog::create(path).map_err(Failure::saying(format_args!("--log {}", path.display())))?
        }
        None => TransferLog::default(),
    };
    let device = I2cDev::new(Adapter::open(&arguments.bus, log)?);
    let signals = Signals::catch().map_err(Failure::saying("cannot catch signals"))?;
    let listener = seccomp::intercept_i2c_ioctls().map_err(Failure::saying(
        "cannot install a seccomp filter with a listener (needs Linux 5.19, no other listener above)",
    ))?;
    thread::Builder::new()
        .spawn(move || supervisor::serve(listener, device))
        .map_err(Failure::saying("cannot start a thread"))?;
    let program = Program::start(&arguments.program, signals).map_err(|error| Failure {
        status: if error.kind() == ErrorKind::NotFound { 127 } else { 126 },
        sentence: format!(
            "cannot run {}: {error}",
            arguments.program.first().map_or_else(Default::default, |name| name.to_string_lossy())
        ),
    })?;
    program.finish().map_err(Failure::saying("cannot wait for the program"))
}

/// One sentence for the person at the terminal.
#[expect(clippy::print_stderr, reason = "stderr is this tool's only voice")]
fn complain(sentence: fmt::Arguments<'_>) {
    eprintln!("i2c-bus: {sentence}");
}
