//! `ems-edge status`: how the running daemon is.

mod screen;

use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use ems_protocol::ClockQuality;

use super::ask::find_and_ask;
use super::local_time::local;
use super::output::{complain, has_colour, json, say};
use super::{EX_UNAVAILABLE, IN_TROUBLE};
use crate::events::Event;
use crate::status::{Answer, Request};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// For programs: one JSON object; with --events a JSON array.
    #[arg(long)]
    json: bool,
    /// The event record instead, newest last; N events at most [default: 50].
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "50")]
    events: Option<NonZeroUsize>,
    /// The screen again every second, until Ctrl-C.
    #[arg(long, conflicts_with_all = ["json", "events"])]
    watch: bool,
    /// The daemon's configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge status --help`.
pub(super) const HELP: &str = "\
Examples: ems-edge status
          ems-edge status --watch
          ems-edge status --events 20
          ems-edge status --json | jq .backlog.hours

Exit status: 0   all is well
             1   it runs, but something is wrong: the battery is in error, an
                 output cannot be driven, the sensor gives no readings or
                 many of them fail, no connection to the cloud for more than a
                 minute or none that the server allows, a server that confirms no
                 sample for two minutes, no room for more samples, the clock was
                 never set; the first line says what to do
             64  wrong arguments
             69  it does not run, does not answer, or this user may not ask
With --events: 0 or 69.";

/// ECMA-48: the cursor to the first place; the rest of the screen is erased.
const HOME: &str = "\x1b[H";
const BELOW: &str = "\x1b[J";
/// The rest of each line is erased as it is written, which does not flicker.
const LINE_END: &str = "\x1b[K\n";
const PERIOD: Duration = Duration::from_secs(1);

pub(super) fn status(options: &Options) -> ExitCode {
    if options.watch {
        return watch(options.config.as_deref());
    }
    let request = match options.events {
        Some(limit) => Request::Events { limit: limit.get() },
        None => Request::Status,
    };
    match find_and_ask(options.config.as_deref(), request) {
        Ok(Answer { status: Some(snapshot), .. }) => {
            say(&if options.json { json(&snapshot) } else { screen::screen(&snapshot, has_colour()) });
            if snapshot.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(IN_TROUBLE) }
        }
        Ok(answer) => {
            let events = answer.events.unwrap_or_default();
            say(&if options.json { json(&events) } else { list(&events) });
            ExitCode::SUCCESS
        }
        Err(words) => {
            complain(&words);
            ExitCode::from(EX_UNAVAILABLE)
        }
    }
}

/// The screen each second; ends with whoever reads it.
fn watch(config: Option<&Path>) -> ExitCode {
    let is_terminal = std::io::stdout().is_terminal();
    loop {
        let seen = match find_and_ask(config, Request::Status) {
            Ok(Answer { status: Some(snapshot), .. }) => screen::screen(&snapshot, has_colour()),
            Ok(_) => "the daemon answers something else\n".to_owned(),
            // It may be on its way up.
            Err(words) => format!("{words}\n"),
        };
        let text = if is_terminal {
            format!("{HOME}{}{BELOW}", seen.replace('\n', LINE_END))
        } else {
            format!("{seen}\n")
        };
        if std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()).is_err() {
            return ExitCode::SUCCESS;
        }
        sleep(PERIOD);
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
