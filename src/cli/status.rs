//! `ems-edge status`: how the running daemon is.

mod screen;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ems_protocol::ClockQuality;
use serde::Serialize;

use super::local_time::local;
use super::{EX_UNAVAILABLE, IN_TROUBLE};
use crate::config;
use crate::events::Event;
use crate::status::{Answer, AskError, GROUP, Request, ask, socket_in, sockets_below};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// For programs: one JSON object; with --events a JSON array.
    #[arg(long)]
    json: bool,
    /// The event record instead, newest last; N events at most [default: 50].
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "50")]
    events: Option<usize>,
    /// The configuration of the daemon in question [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge status --help`.
pub(super) const HELP: &str = "\
Examples: ems-edge status
          ems-edge status --events 20
          ems-edge status --json | jq .backlog.hours

Exit status: 0   all is well
             1   it runs, but something is wrong: the sensor gives no readings or
                 many of them fail, no connection to the cloud for more than a
                 minute or none that the server allows, no room for more samples,
                 the clock was never set; the first line says what to do
             64  wrong arguments
             69  it does not run, does not answer, or this user may not ask
With --events: 0 or 69.";

/// Where the daemon is looked for when no configuration can be read.
const RUNTIME_DIR: &str = "/run/ems-edge";

pub(super) fn status(options: &Options) -> ExitCode {
    let request = match options.events {
        Some(limit) => Request::Events { limit },
        None => Request::Status,
    };
    match find_and_ask(options.config.as_deref(), request) {
        Ok(Answer { status: Some(snapshot), .. }) => {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            say(&if options.json { json(&snapshot) } else { screen::screen(&snapshot, colour) });
            if snapshot.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(IN_TROUBLE) }
        }
        Ok(answer) => {
            let events = answer.events.unwrap_or_default();
            say(&if options.json { json(&events) } else { list(&events) });
            ExitCode::SUCCESS
        }
        Err(words) => {
            drop(writeln!(std::io::stderr(), "{words}"));
            ExitCode::from(EX_UNAVAILABLE)
        }
    }
}

/// Asks the daemon of the configuration; where that cannot be read, the only one that runs.
fn find_and_ask(config: Option<&Path>, request: Request) -> Result<Answer, String> {
    match config::load(config, |key| std::env::var_os(key)) {
        Ok(loaded) => {
            let config = loaded.config;
            let socket = socket_in(&config.runtime_dir, config.device_id.as_str());
            ask(&socket, request).map_err(|error| {
                let others = match error {
                    AskError::NotRunning(_) => running(&config.runtime_dir),
                    _ => Vec::new(),
                };
                match others.first() {
                    None => explain(&error),
                    Some((other, _)) => format!(
                        "no ems-edge runs as {}, but one runs as {other}: if DEVICE_ID was changed, systemctl restart ems-edge",
                        config.device_id
                    ),
                }
            })
        }
        Err(mistakes) => {
            let folder = std::env::var_os("RUNTIME_DIR").map_or_else(|| RUNTIME_DIR.into(), PathBuf::from);
            let running = running(&folder);
            match running.as_slice() {
                [(_, socket)] => ask(socket, request).map_err(|error| explain(&error)),
                [] => {
                    let mistakes = mistakes.to_string();
                    let why = mistakes.lines().next().unwrap_or_default();
                    let explained = explain(&AskError::NotRunning(folder));
                    Err(format!(
                        "{explained}\nIf it runs elsewhere: its configuration cannot be used ({why})"
                    ))
                }
                several => {
                    let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
                    Err(format!(
                        "several ems-edge run here ({}): name one by its configuration, ems-edge status --config PATH",
                        names.join(", ")
                    ))
                }
            }
        }
    }
}

/// The daemons below `folder` that run, whether or not this user may ask them.
fn running(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut sockets = sockets_below(folder);
    sockets.retain(|(_, path)| !matches!(ask(path, Request::Status), Err(AskError::NotRunning(_))));
    sockets
}

fn explain(error: &AskError) -> String {
    match error {
        AskError::NotRunning(_) => format!(
            "ems-edge does not run ({error}): start it with systemctl start ems-edge; journalctl -u ems-edge says why it ended"
        ),
        AskError::NoPermission(_) => format!(
            "{error}: run sudo ems-edge status, or let this user in with sudo usermod -aG {GROUP} $USER and log in again"
        ),
        AskError::NoAnswer(..) => format!("{error}: if this stays so, systemctl restart ems-edge"),
        AskError::OtherVersion => format!("{error}: systemctl restart ems-edge"),
    }
}

/// One line an event; a `?` marks times of a clock that nobody had set.
fn list(events: &[Event]) -> String {
    if events.is_empty() {
        return "no events are on record\n".to_owned();
    }
    let line = |event: &Event| {
        let mark = if event.clock == ClockQuality::Unsynced { '?' } else { ' ' };
        let severity = format!("{:?}", event.severity).to_lowercase();
        format!("{}{mark} {severity:7} {}: {}\n", local(event.timestamp), event.code, event.message)
    };
    events.iter().map(line).collect()
}

fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A reader that has seen enough and left is no error.
fn say(text: &str) {
    drop(std::io::stdout().write_all(text.as_bytes()));
}
