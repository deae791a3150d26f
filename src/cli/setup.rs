//! `ems-edge setup`: asks for what is missing, tests each answer, writes the file and starts the service.

mod answers;
mod file;
mod questions;
mod service;
mod terminal;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::output::{complain, say};
use super::{EX_CONFIG, EX_USAGE, IN_TROUBLE};
use crate::config::{self, KEYS, SEARCH};
use answers::Answers;
use file::Draft;
use questions::{Manner, Stop, go_through};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// Set a key without asking; may be repeated; not for the token.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    values: Vec<String>,
    /// Read the token from a file, or from standard input with -.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Ask nothing: what is not set here stays as it is.
    #[arg(long)]
    no_questions: bool,
    /// Do not test the answers: for a card that is prepared elsewhere.
    #[arg(long)]
    no_test: bool,
    /// Do not start the service.
    #[arg(long)]
    no_start: bool,
    /// The configuration [default: /etc/ems-edge/config.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge setup --help`.
pub(super) const HELP: &str = "\
Examples: sudo ems-edge setup
          sudo ems-edge setup --token-file /media/usb/token --no-questions \\
            --set DEVICE_ID=ems_001 --set SERVER_URL=wss://cloud.example.com \\
            --set SENSOR=ina226 --set SHUNT=100A/75mV --set CHEMISTRY=lfp \\
            --set CELLS_SERIES=8 --set CAPACITY_AH=100

Safe to run again: what is there is offered as the answer, comments stay, and a file
that would not change is not written. Without a terminal nothing is asked.

Exit status: 0   the file is as it should be, and the service runs
             1   a test failed or nobody answered: nothing was written; or the
                 service does not start
             64  wrong arguments
             73  the file cannot be written
             78  the settings do not hold together: nothing was written";

/// `EX_CANTCREAT` of sysexits.h.
const EX_CANTCREAT: u8 = 73;
/// More is no token, in bytes.
const TOKEN_LIMIT: u64 = 4096;

pub(super) fn setup(options: &Options) -> ExitCode {
    let path =
        options.config.clone().unwrap_or_else(|| SEARCH.first().map(PathBuf::from).unwrap_or_default());
    match prepare(options, &path).and_then(|answers| write(&answers, &path)) {
        Err((status, words)) => {
            complain(&words);
            ExitCode::from(status)
        }
        Ok(changed) if options.no_start || service::start(changed) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(IN_TROUBLE),
    }
}

/// Replaces the configuration whole or not at all.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    Draft::write(path, text)?.put()
}

/// Asks at the terminal; `None` at the end of the input.
pub(super) fn ask(question: &str) -> Option<String> {
    terminal::ask(question)
}

/// Asks a question whose answer is yes or no; `None` at the end of the input.
pub(super) fn agrees(question: &str) -> Option<bool> {
    terminal::agrees(question)
}

/// An exit status and a sentence.
type Refusal = (u8, String);

fn prepare(options: &Options, path: &Path) -> Result<Answers, Refusal> {
    let mut answers = Answers::begin(path).map_err(|error| {
        (EX_CANTCREAT, format!("{} cannot be read ({error}): run this with sudo", path.display()))
    })?;
    for given in &options.values {
        take(&mut answers, given)?;
    }
    if let Some(file) = &options.token_file {
        take_token(&mut answers, file)?;
    }
    let manner =
        Manner { interactive: io::stdin().is_terminal() && !options.no_questions, tested: !options.no_test };
    let nothing = "nothing was written";
    if !manner.interactive {
        // Before anything is tested: what is missing is told in one go.
        check_whole(&answers, path)?;
    }
    match go_through(&mut answers, manner) {
        Ok(()) => Ok(answers),
        Err(Stop::Left) => Err((IN_TROUBLE, format!("{nothing}: setup was left"))),
        Err(Stop::Failed) => Err((
            IN_TROUBLE,
            format!("{nothing}: mend what failed, or add --no-test to write it all the same"),
        )),
    }
}

fn take(answers: &mut Answers, given: &str) -> Result<(), Refusal> {
    let Some((name, value)) = given.split_once('=') else {
        return Err((EX_USAGE, "--set: expected KEY=VALUE, for example --set DEVICE_ID=ems_001".to_owned()));
    };
    let Some(key) = KEYS.iter().copied().find(|key| key.is_called(name)) else {
        let shown = crate::words::printable(name);
        return Err((EX_USAGE, format!("--set: there is no key {shown}; ems-edge config show lists them")));
    };
    if key.secret {
        return Err((
            EX_USAGE,
            format!(
                "--set {name}: a command's words are seen by others; use --token-file FILE, or - for standard input"
            ),
        ));
    }
    config::check(key, value).map_err(|why| (EX_CONFIG, format!("{name}: {why}")))?;
    answers.set(key, value.to_owned());
    Ok(())
}

fn take_token(answers: &mut Answers, file: &Path) -> Result<(), Refusal> {
    let mut token = String::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(TOKEN_LIMIT).read_to_string(&mut token)
    } else {
        File::open(file).and_then(|file| file.take(TOKEN_LIMIT).read_to_string(&mut token))
    };
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    read.map_err(|error| (EX_CONFIG, format!("--token-file: {name} cannot be read ({error})")))?;
    let Some(key) = KEYS.iter().copied().find(|key| key.secret) else { return Ok(()) };
    // The lines that `ems-cloud device add` prints are taken as they are.
    let text = token.trim_start_matches('\u{feff}');
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    let printed = lines.find(|(name, _)| key.is_called(name.trim()));
    let token = printed.map_or(text, |(_, value)| value).trim().trim_matches(['\'', '"']);
    config::check(key, token).map_err(|why| (EX_CONFIG, format!("--token-file: the token {why}")))?;
    answers.set(key, token.to_owned());
    Ok(())
}

/// Whether the settings hold together, as the file would have them.
fn check_whole(answers: &Answers, path: &Path) -> Result<(), Refusal> {
    let draft = draft(answers, path)?;
    check_draft(&draft, path).map(drop)
}

fn draft(answers: &Answers, path: &Path) -> Result<Draft, Refusal> {
    let text = answers.text().map_err(|why| (EX_CONFIG, why))?;
    Draft::write(path, &text).map_err(|error| {
        (
            EX_CANTCREAT,
            format!(
                "{} cannot be written ({error}): run this with sudo, or name another with --config",
                path.display()
            ),
        )
    })
}

/// What deserves a look.
fn check_draft(draft: &Draft, path: &Path) -> Result<Vec<String>, Refusal> {
    let checked = config::load_from(Some(draft.path()), &[], |_| None);
    checked.map(|loaded| loaded.warnings).map_err(|mistakes| {
        let words =
            mistakes.to_string().replace(&draft.path().display().to_string(), &path.display().to_string());
        (EX_CONFIG, format!("{words}\nnothing was written"))
    })
}

/// `true` if the file has changed.
fn write(answers: &Answers, path: &Path) -> Result<bool, Refusal> {
    if !answers.has_changes() {
        say(&format!("{} is as it should be\n", path.display()));
        return Ok(false);
    }
    let draft = draft(answers, path)?;
    let warnings = check_draft(&draft, path)?;
    draft.put().map_err(|error| (EX_CANTCREAT, format!("{} cannot be written ({error})", path.display())))?;
    say(&format!("{} is written\n", path.display()));
    for warning in warnings {
        say(&format!("warning: {warning}\n"));
    }
    Ok(true)
}
