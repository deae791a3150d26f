//! What all subcommands print with.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

/// Columns of a screen that everybody has.
pub(super) const COLUMNS: usize = 80;

/// `EX_IOERR` of sysexits.h: the output cannot be written.
pub(super) const EX_IOERR: u8 = 74;

/// Whether something was not printed that should have been.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints; a reader that has seen enough and left is no error.
pub(super) fn say(text: &str) {
    let written = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        complain(&format!("ems-edge: the output cannot be written: {error}"));
    }
}

/// The exit status of a subcommand that ended with `status`: what was not printed is no success.
pub(super) fn end(status: ExitCode) -> ExitCode {
    if status == ExitCode::SUCCESS && LOST.load(Ordering::Relaxed) {
        ExitCode::from(EX_IOERR)
    } else {
        status
    }
}

/// Complains: one line and its end.
pub(super) fn complain(text: &str) {
    crate::journal::complain(text);
}

/// For programs.
pub(super) fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Whether a person looks at the output who wants colour (no-color.org).
pub(super) fn has_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Colours of ECMA-48.
#[derive(Debug, Clone, Copy)]
pub(super) enum Colour {
    Red,
    Green,
    Yellow,
    Grey,
}

/// `word` in bold colour, if `colour`.
pub(super) fn paint(word: &str, with: Colour, colour: bool) -> String {
    let begin = match with {
        Colour::Red => "\x1b[1;31m",
        Colour::Green => "\x1b[1;32m",
        Colour::Yellow => "\x1b[1;33m",
        Colour::Grey => "\x1b[2m",
    };
    if colour { format!("{begin}{word}\x1b[0m") } else { word.to_owned() }
}
