//! `ems-edge status`: how the running daemon is.

mod screen;

use std::path::PathBuf;
use std::process::ExitCode;

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

pub(super) fn status(options: &Options) -> ExitCode {
    let request = match options.events {
        Some(limit) => Request::Events { limit },
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
