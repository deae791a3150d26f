//! Questions at a terminal; a secret is typed without being shown.

use std::io::{self, BufRead as _, Read as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::cli::output::say;

/// What ends a secret, and what changes it while it is typed (termios(3), VINTR, VEOF, VERASE, VKILL).
const END: [u8; 2] = [b'\n', b'\r'];
const INTERRUPT: u8 = 0x03;
const END_OF_FILE: u8 = 0x04;
const ERASE: [u8; 2] = [0x7f, 0x08];
const KILL: u8 = 0x15;

/// Asks; `None` at the end of the input.
pub(super) fn ask(question: &str) -> Option<String> {
    say(question);
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}

/// Whether the answer is yes.
pub(super) fn agrees(question: &str) -> Option<bool> {
    let answer = ask(&format!("{question} [y/N] "))?;
    Some(["y", "yes"].contains(&answer.to_ascii_lowercase().as_str()))
}

/// Asks without showing what is typed; `None` at the end of the input, or after Ctrl-C.
pub(super) fn ask_secretly(question: &str) -> Option<String> {
    // Before the question is seen: whoever answers fast is not shown either.
    let _quiet = Quiet::begin();
    say(question);
    let (mut typed, mut byte) = (Vec::new(), [0]);
    let mut input = io::stdin().lock();
    loop {
        if !matches!(input.read(&mut byte), Ok(1)) {
            return None;
        }
        match byte[0] {
            key if END.contains(&key) => break,
            INTERRUPT | END_OF_FILE => {
                say("\n");
                return None;
            }
            key if ERASE.contains(&key) => drop(typed.pop()),
            KILL => typed.clear(),
            key => typed.push(key),
        }
    }
    say("\n");
    // What is not UTF-8 is refused as every other odd character is.
    Some(String::from_utf8_lossy(&typed).trim().to_owned())
}

/// A terminal that shows nothing, until this is dropped. Ctrl-C comes as a byte: nobody is left with a dead terminal.
struct Quiet(Option<Termios>);

impl Quiet {
    fn begin() -> Self {
        let Ok(before) = tcgetattr(io::stdin()) else { return Self(None) };
        let mut quiet = before.clone();
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        match tcsetattr(io::stdin(), OptionalActions::Flush, &quiet) {
            Ok(()) => Self(Some(before)),
            Err(_) => Self(None),
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that has gone needs no echo.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
