//! `ems-edge doctor`: what is wrong, and what to do.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use textwrap::{Options as Wrap, WordSplitter, fill};

use super::output::{COLUMNS, Colour, has_colour, json, paint, say};
use super::{DESERVES_A_LOOK, IN_TROUBLE};
use crate::doctor::{CHECKS, Entry, Report, Status, Surroundings, examine};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
    /// Only what is not in order.
    #[arg(long)]
    brief: bool,
    /// List the checks and end.
    #[arg(long)]
    list: bool,
    /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge doctor --help`.
pub(super) const HELP: &str = "\
Example: sudo ems-edge doctor
         sudo ems-edge doctor --json | jq '.checks[] | select(.status == \"failed\")'

Ends within 15 s. While the daemon runs, it answers for the sensor and the token:
nothing is disturbed. Nothing is ever written to a chip.

Exit status: 0   all is in order
             1   something does not work: FAILED, with the remedy below it
             2   it works, but something deserves a look
             64  wrong arguments";

/// Columns of the status and the name.
const LABEL: usize = 21;

pub(super) fn doctor(options: &Options) -> ExitCode {
    if options.list {
        let line = |check: &crate::doctor::Check| format!("{:12} {}\n", check.id, check.about);
        say(&CHECKS.iter().map(line).collect::<String>());
        return ExitCode::SUCCESS;
    }
    let report = examine(&Surroundings { config: options.config.clone(), root: PathBuf::from("/") });
    say(&if options.json { json(&report) } else { screen(&report, options.brief, has_colour()) });
    if report.failed > 0 {
        ExitCode::from(IN_TROUBLE)
    } else if report.warnings > 0 {
        ExitCode::from(DESERVES_A_LOOK)
    } else {
        ExitCode::SUCCESS
    }
}

/// One line a check, the remedy below what is wrong, the sum at the end.
pub(super) fn screen(report: &Report, brief: bool, colour: bool) -> String {
    let shown = |entry: &&Entry| !brief || matches!(entry.status, Status::Failed | Status::Warning);
    let mut text: String = report.checks.iter().filter(shown).map(|entry| paragraph(entry, colour)).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&sum(report, colour));
    text
}

/// One line, and the remedy below it.
pub(super) fn paragraph(entry: &Entry, colour: bool) -> String {
    let (word, with) = match entry.status {
        Status::Ok => ("ok", Colour::Green),
        Status::Warning => ("warning", Colour::Yellow),
        Status::Failed => ("FAILED", Colour::Red),
        Status::Skipped => ("skipped", Colour::Grey),
    };
    let indent = " ".repeat(LABEL);
    let lines = |first: &str, words: &str| {
        // A list of mistakes has lines of its own.
        let mut text = String::new();
        for (number, line) in words.lines().enumerate() {
            let begin = if number == 0 { first } else { indent.as_str() };
            let wrap = Wrap::new(COLUMNS).initial_indent(begin).subsequent_indent(&indent);
            // Nobody shall type a command that is broken at its hyphens.
            text.push_str(&fill(line.trim(), wrap.word_splitter(WordSplitter::NoHyphenation)));
            text.push('\n');
        }
        text
    };
    let label = format!("{word:8} {:11} ", entry.id);
    // Painted after the lines were broken: the sequences take no columns.
    let mut text = lines(&label, &entry.message).replacen(word, &paint(word, with, colour), 1);
    if let Some(remedy) = &entry.remedy {
        text.push_str(&lines(&format!("{:LABEL$}-> ", ""), remedy));
    }
    text
}

fn sum(report: &Report, colour: bool) -> String {
    let of = |status: Status| {
        let names: Vec<_> =
            report.checks.iter().filter(|entry| entry.status == status).map(|entry| entry.id).collect();
        names.join(", ")
    };
    let mut text = match (report.failed, report.warnings) {
        (0, 0) => paint("All is in order.", Colour::Green, colour),
        (0, _) => format!(
            "{} {}.",
            paint("It works; a look deserves:", Colour::Yellow, colour),
            of(Status::Warning)
        ),
        _ => format!("{} {}.", paint("Not in order:", Colour::Red, colour), of(Status::Failed)),
    };
    if report.failed > 0 && report.warnings > 0 {
        text = format!("{text} A look deserves: {}.", of(Status::Warning));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let entry = |id, status, message: &str, remedy: Option<&str>| Entry {
            id,
            status,
            code: remedy.map(|_| "a.code"),
            message: message.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        Report {
            version: "0.1.0",
            failed: 1,
            warnings: 1,
            checks: vec![
                entry("config", Status::Ok, "fine", None),
                entry("sensor", Status::Failed, &"why ".repeat(60), Some(&"what to do ".repeat(20))),
                entry("clock", Status::Warning, "two\nlines", Some("set it")),
                entry("reading", Status::Skipped, "not before sensor is in order", None),
            ],
        }
    }

    #[test]
    fn no_line_is_wider_than_80_columns_and_the_remedy_stands_below_what_is_wrong() {
        let text = screen(&report(), false, false);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.starts_with("ok       config      fine\nFAILED   sensor      why"), "{text}");
        assert!(text.contains("\n                     -> what to do") && !text.contains('\x1b'), "{text}");
        assert!(text.ends_with("Not in order: sensor. A look deserves: clock.\n"), "{text}");
        assert!(screen(&report(), false, true).contains("\x1b[1;31mFAILED\x1b[0m"));
    }

    #[test]
    fn a_brief_report_has_only_what_is_not_in_order() {
        let text = screen(&report(), true, false);
        assert!(!text.contains("config") && !text.contains("reading") && text.contains("clock"), "{text}");
    }
}
