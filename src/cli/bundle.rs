//! `ems-edge bundle`: a support archive without secrets.

mod machine;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ems_protocol::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::ask::find_and_ask;
use super::output::{complain, json, say};
use super::{config as config_show, doctor as doctor_screen};
use crate::clock::{SystemTime, TimeSource as _};
use crate::config;
use crate::doctor::{Surroundings, examine};
use crate::redact::Redactor;
use crate::sample::FIRMWARE_VERSION;
use crate::status::{Answer, Request};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// Where to write it, or - for standard output [default: ./ems-edge-DATE.tar.gz].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge bundle --help`.
pub(super) const HELP: &str = "\
Example: sudo ems-edge bundle --output ems_001.tar.gz
         ssh pi sudo ems-edge bundle --output - > ems_001.tar.gz

Holds the doctor's report, the status, the event record, the last log lines of the
daemon and of the journal, the configuration and what the machine is; no secret.

Exit status: 0   written
             64  wrong arguments
             73  the file cannot be written";

/// `EX_CANTCREAT` of sysexits.h.
const EX_CANTCREAT: u8 = 73;
/// All of the events.
const EVENTS: usize = 1000;

pub(super) fn bundle(options: &Options) -> ExitCode {
    let files = collect(options.config.as_deref());
    let now = Timestamp::from_millis(SystemTime.realtime_ms());
    let path = options.output.clone().unwrap_or_else(|| {
        let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).take(15).collect();
        PathBuf::from(format!("ems-edge-{stamp}.tar.gz"))
    });
    let to_stdout = path == Path::new("-");
    let written = if to_stdout { print(&files, now) } else { write(&path, &files, now) };
    if let Err(error) = written {
        complain(&format!("{} cannot be written ({error}): name another with --output", path.display()));
        return ExitCode::from(EX_CANTCREAT);
    }
    if to_stdout {
        return ExitCode::SUCCESS;
    }
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    say(&format!(
        "{} is written: {}\nNo token or password is in it; look through it before you send it.\n",
        path.display(),
        names.join(", ")
    ));
    ExitCode::SUCCESS
}

/// Names and texts, without secrets.
fn collect(path: Option<&Path>) -> Vec<(&'static str, String)> {
    let settings = config::effective(path, |key| std::env::var_os(key));
    let redactor = Redactor::new(&settings);
    let ask = |request| find_and_ask(path, request);
    let of_daemon = |request, text: &dyn Fn(Answer) -> String| match ask(request) {
        Ok(answer) => text(answer),
        Err(why) => format!("{why}\n"),
    };
    let report = examine(&Surroundings { config: path.map(Path::to_owned), root: PathBuf::from("/") });
    let mistakes = match config::load(path, |key| std::env::var_os(key)) {
        Ok(loaded) => loaded.warnings.join("\n"),
        Err(mistakes) => mistakes.to_string(),
    };
    let files = vec![
        ("version.txt", format!("ems-edge {FIRMWARE_VERSION}\n")),
        ("doctor.txt", doctor_screen::screen(&report, false, false)),
        ("doctor.json", json(&report)),
        ("status.json", of_daemon(Request::Status, &|answer| json(&answer.status))),
        ("events.json", of_daemon(Request::Events { limit: EVENTS }, &|answer| json(&answer.events))),
        ("log.txt", of_daemon(Request::Log, &|answer| answer.log.unwrap_or_default().join("\n"))),
        ("journal.txt", machine::journal()),
        ("config.txt", format!("{}\n{mistakes}\n", config_show::text(&settings))),
        ("machine.txt", machine::describe()),
    ];
    files.into_iter().map(|(name, text)| (name, redactor.clean(&text))).collect()
}

/// Readable by its owner alone: it says much about a site.
fn write(path: &Path, files: &[(&str, String)], now: Timestamp) -> io::Result<()> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    pack(file, files, now)?.sync_all()
}

/// To whatever reads it: a terminal would show noise.
fn print(files: &[(&str, String)], now: Timestamp) -> io::Result<()> {
    if io::stdout().is_terminal() {
        return Err(io::Error::other("standard output is a terminal"));
    }
    pack(io::stdout().lock(), files, now)?.flush()
}

fn pack<W: Write>(to: W, files: &[(&str, String)], now: Timestamp) -> io::Result<W> {
    let mut archive = tar::Builder::new(GzEncoder::new(to, Compression::default()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.millis() / 1000).unwrap_or(0));
        archive.append_data(&mut header, Path::new("ems-edge").join(name), text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}
