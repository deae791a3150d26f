//! What the checks say.

use serde::Serialize;

use super::checks::CHECKS;
use super::facts::Facts;
use crate::sample::FIRMWARE_VERSION;

/// What one check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All is well: what was found.
    Ok(String),
    /// It works, but deserves a look.
    Warning(Finding),
    /// It does not work.
    Failed(Finding),
    /// There is nothing to check here, or it cannot be checked now: why.
    Skipped(String),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its stable name, for programs.
    pub code: &'static str,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is well.
    Ok,
    /// It works, but deserves a look.
    Warning,
    /// It does not work.
    Failed,
    /// Not checked.
    Skipped,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The check's stable name.
    pub id: &'static str,
    /// How it ended.
    pub status: Status,
    /// The finding's stable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What was found, or why it was not looked for.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Everything that the checks say, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// How many checks have failed.
    pub failed: usize,
    /// How many deserve a look.
    pub warnings: usize,
    /// The checks.
    pub checks: Vec<Entry>,
}

impl Verdict {
    /// It does not work.
    pub fn failed(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Failed(Finding { code, what: what.into(), remedy: remedy.into() })
    }

    /// It deserves a look.
    pub fn warning(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Warning(Finding { code, what: what.into(), remedy: remedy.into() })
    }

    /// It does not work; `sentence` is a cause, a colon and the remedy.
    pub fn failed_as_said(code: &'static str, sentence: &str) -> Self {
        let (what, remedy) = sentence.split_once(": ").unwrap_or((sentence, "see ems-edge status"));
        Self::failed(code, what, remedy)
    }
}

impl Report {
    /// Judges the facts.
    pub fn of(facts: &Facts) -> Self {
        let mut checks: Vec<Entry> = Vec::new();
        let mut barred: Vec<&'static str> = Vec::new();
        for check in CHECKS {
            let cause = check.needs.iter().find(|id| barred.contains(id));
            let verdict = match cause {
                Some(cause) => Verdict::Skipped(format!("not before {cause} is in order")),
                None => (check.judge)(facts),
            };
            if cause.is_some() || matches!(verdict, Verdict::Failed(_)) {
                barred.push(check.id);
            }
            checks.push(Entry::of(check.id, verdict));
        }
        let count = |status| checks.iter().filter(|entry| entry.status == status).count();
        Self {
            version: FIRMWARE_VERSION,
            failed: count(Status::Failed),
            warnings: count(Status::Warning),
            checks,
        }
    }
}

impl Entry {
    fn of(id: &'static str, verdict: Verdict) -> Self {
        let (status, finding) = match verdict {
            Verdict::Ok(message) => {
                return Self { id, status: Status::Ok, code: None, message, remedy: None };
            }
            Verdict::Skipped(message) => {
                return Self { id, status: Status::Skipped, code: None, message, remedy: None };
            }
            Verdict::Warning(finding) => (Status::Warning, finding),
            Verdict::Failed(finding) => (Status::Failed, finding),
        };
        let Finding { code, what, remedy } = finding;
        Self { id, status, code: Some(code), message: what, remedy: Some(remedy) }
    }
}
