//! What is wrong with a configuration, in sentences that never hold a secret.

use std::cmp::Reverse;
use std::fmt;
use std::path::PathBuf;

use super::table::Key;

/// More are counted, not listed: a picture taken for a configuration would fill the screen.
const LISTED: usize = 50;
/// The longest part of a value that is shown, in characters.
const SHOWN_CHARS: usize = 40;

/// Everything that is wrong, in the order of the lines. Displays as a count and one line each.
#[derive(Debug, Default, thiserror::Error)]
pub struct Mistakes(Vec<Mistake>);

/// One thing that is wrong. Displays as `config.env:7: SHUNT="100A": expected …; write e.g. SHUNT=100A/75mV`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// The key it is about, if there is one.
    pub key: Option<&'static str>,
    /// What is wrong and what to do.
    pub text: String,
}

/// Where a mistake is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of the file, counted from 1.
    Line(PathBuf, usize),
    /// The file, as something that is missing in it or wrong with all of it.
    File(PathBuf),
    /// The cloud, by `SET_CONFIG` or `ROTATE_TOKEN`.
    Cloud,
    /// The environment of the process, or nothing at all.
    Environment,
}

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What was expected, as a clause.
    pub(super) why: String,
    /// A value to write instead, if there is a better one than the key's example; empty if there is none at all.
    pub(super) write: Option<String>,
}

/// What stands for a token in `config.example.env`.
const PLACEHOLDER: &str = "sk_...";

impl Mistakes {
    /// Sorts, and takes `secrets` out of every sentence, should one have found its way in.
    pub(super) fn new(mut mistakes: Vec<Mistake>, secrets: &[String]) -> Self {
        for mistake in &mut mistakes {
            // The example's placeholder is no secret: it is what the sentence says to replace.
            for secret in secrets.iter().filter(|&secret| secret != PLACEHOLDER) {
                mistake.text = mistake.text.replace(secret.as_str(), "[secret]");
            }
        }
        mistakes.sort_by_key(|mistake| match &mistake.place {
            Place::Line(_, line) => (Reverse(2), *line),
            Place::File(_) => (Reverse(1), 0),
            Place::Environment | Place::Cloud => (Reverse(0), 0),
        });
        Self(mistakes)
    }

    /// The mistakes, by line.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => write!(f, "1 mistake in the configuration:")?,
            count => write!(f, "{count} mistakes in the configuration:")?,
        }
        for mistake in self.iter().take(LISTED) {
            write!(f, "\n  {mistake}")?;
        }
        match self.count().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl Mistake {
    /// A value that cannot be used.
    pub(super) fn of_value(place: Place, key: &Key, value: &str, refusal: &Refusal) -> Self {
        let name = key.name;
        let value = if is_showable(key, value) { format!("={}", quoted(value)) } else { String::new() };
        let write = match refusal.example(key) {
            "" => String::new(),
            write => format!("; write e.g. {name}={write}"),
        };
        Self { place, key: Some(name), text: format!("{name}{value}: {}{write}", refusal.why) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "{}:{line}", escaped(&path.to_string_lossy())),
            Self::File(path) => f.write_str(&escaped(&path.to_string_lossy())),
            Self::Cloud => f.write_str("set by the cloud"),
            Self::Environment => f.write_str("environment"),
        }
    }
}

impl<S: Into<String>> From<S> for Refusal {
    fn from(why: S) -> Self {
        Self { why: why.into(), write: None }
    }
}

impl Refusal {
    /// What to write instead, if anything.
    pub(super) fn example<'a>(&'a self, key: &'a Key) -> &'a str {
        self.write.as_deref().unwrap_or(key.example)
    }

    /// With a remedy that fits better than the key's example.
    pub(super) fn write(why: impl Into<String>, write: impl Into<String>) -> Self {
        Self { why: why.into(), write: Some(write.into()) }
    }
}

/// The text without anything that could move a terminal's cursor or turn the reading direction.
pub(super) fn escaped(text: &str) -> String {
    text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

fn quoted(value: &str) -> String {
    let cut: String = value.chars().take(SHOWN_CHARS).collect();
    let more = if cut.len() < value.len() { "…" } else { "" };
    format!("\"{}{more}\"", cut.escape_debug())
}

/// Device tokens begin with `sk_`, and people put them into the wrong line; URLs may carry a password.
pub(super) fn is_showable(key: &Key, value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let secret_in_url = value.contains("//") && value.contains(['@', '?', '#']);
    !(key.secret || lower.contains("sk_") || secret_in_url)
}
