//! What the file and the environment say of each key, before it is parsed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::board::{self, Board};
use super::file::Contents;
use super::keys::{KEYS, entry};
use super::line::{self, Line};
use super::mistake::{Mistake, Mistakes, Place, escaped};
use super::overrides::Values;
use super::table::Key;
use super::values;
use crate::sensor::SensorKind;

/// Shorter secrets are refused anyway, and taking so short a text out of sentences would leave none to read.
const MIN_SECRET_BYTES: usize = 6;
/// How alike two names are, from 0 to 1, for one to be a slip of the other.
const ALIKE: f64 = 0.8;
const NO_EQUALS: &str = "has no '='; write KEY=value";

/// What is known of each key that is mentioned.
#[derive(Default)]
pub(super) struct Settings {
    file: Vec<Setting>,
    /// What the cloud has set and the file has not voided since.
    cloud: Vec<Setting>,
    environment: Vec<Setting>,
}

struct Setting {
    key: &'static Key,
    /// The name that was used for it.
    name: String,
    place: Place,
    given: Given,
}

/// What is known of a key.
pub(super) enum Given {
    /// A text, not empty.
    Value(String, Place),
    /// There is one, but a mistake has been noted instead.
    Broken,
    /// It is not set.
    Nothing,
}

/// What there is to tell the technician.
#[derive(Default)]
pub(super) struct Report {
    pub(super) warnings: Vec<String>,
    mistakes: Vec<Mistake>,
    secrets: Vec<String>,
}

impl Settings {
    /// What is known of `key`: the environment wins over the cloud, and the cloud over the file.
    pub(super) fn given(&self, key: &Key) -> &Given {
        of(self.environment.iter().chain(&self.cloud).chain(&self.file), key.name)
    }

    /// What the file says of the key of that name.
    pub(super) fn in_file(&self, name: &str) -> &Given {
        of(self.file.iter(), name)
    }

    /// Whether the environment has the key of that name.
    pub(super) fn is_in_environment(&self, name: &str) -> bool {
        !matches!(of(self.environment.iter(), name), Given::Nothing)
    }

    /// Takes in what the cloud has set, where the file still says what it said then. To be called last.
    pub(super) fn take_overrides(&mut self, values: &Values, report: &mut Report) {
        for (name, set) in values {
            let Some(key) = KEYS.iter().copied().find(|key| key.name == name) else { continue };
            let said = match self.in_file(name) {
                Given::Value(text, _) => Some(text),
                Given::Broken | Given::Nothing => None,
            };
            let is_token = key.name == entry::api_token.name;
            if said != set.replaces.as_ref() || !(key.remote || is_token) {
                continue;
            }
            let given = Given::Value(set.value.clone(), Place::Cloud);
            report.keep_secret(key, &given);
            self.cloud.push(Setting { key, name: name.clone(), place: Place::Cloud, given });
        }
    }

    /// The board, if one is named.
    pub(super) fn board(&self) -> Option<Board> {
        match self.given(&entry::board) {
            Given::Value(text, _) => board::parse(text).ok().flatten(),
            Given::Broken | Given::Nothing => None,
        }
    }

    /// Whether a board is named and there is none of that name.
    pub(super) fn names_unknown_board(&self) -> bool {
        match self.given(&entry::board) {
            Given::Value(text, _) => board::parse(text).is_err(),
            Given::Broken => true,
            Given::Nothing => false,
        }
    }

    /// The chip: by its own line, or as the board has it.
    pub(super) fn sensor(&self) -> Option<SensorKind> {
        let given = match self.given(&entry::sensor) {
            Given::Value(text, _) => values::sensor(text).ok(),
            Given::Broken => return None,
            Given::Nothing => None,
        };
        given.or_else(|| {
            let board = self.board()?;
            let (_, word) = board.settings.iter().find(|(key, _)| *key == entry::sensor.name)?;
            values::sensor(word).ok()
        })
    }

    /// Takes in the lines of the file; `false` if it is no text at all.
    pub(super) fn take_file(&mut self, path: &Path, contents: &Contents, report: &mut Report) -> bool {
        let bytes = contents.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&contents.bytes);
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            let text = "is UTF-16 text: save the file as UTF-8".to_owned();
            report.mistake(Place::File(path.to_owned()), None, text);
            return false;
        }
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            self.take_line(Place::Line(path.to_owned(), number), line::read(line), report);
        }
        let has_secret = self.file.iter().any(|s| s.key.secret && !matches!(s.given, Given::Nothing));
        if has_secret && contents.mode & 0o007 != 0 {
            report.warnings.push(format!(
                "{path} holds the token and is open to every user of this machine (mode {:04o}): run chmod o-rwx {path}",
                contents.mode,
                path = escaped(&path.to_string_lossy()),
            ));
        }
        true
    }

    /// Takes in the variables that are keys.
    pub(super) fn take_environment(
        &mut self,
        environment: &dyn Fn(&str) -> Option<OsString>,
        report: &mut Report,
    ) {
        for key in KEYS {
            for name in [Some(key.name), key.alias].into_iter().flatten() {
                let Some(value) = environment(name) else { continue };
                let given = match value.into_string() {
                    Ok(value) if value.is_empty() => Given::Nothing,
                    Ok(value) => Given::Value(value, Place::Environment),
                    Err(_) => {
                        report.mistake(
                            Place::Environment,
                            Some(key),
                            format!("{name} is not UTF-8 text: set it again"),
                        );
                        Given::Broken
                    }
                };
                report.keep_secret(key, &given);
                let setting = Setting { key, name: name.to_owned(), place: Place::Environment, given };
                add(&mut self.environment, setting, report);
            }
        }
    }

    fn take_line(&mut self, place: Place, line: Line, report: &mut Report) {
        let (name, value, broken) = match line {
            Line::Blank => return,
            Line::Setting { name, value } => (name, value, None),
            Line::Broken { name: Some(name), rest, why } => (name, rest, Some(why)),
            Line::NoEquals { word, line } if key_called(&word).is_some() => (word, line, Some(NO_EQUALS)),
            Line::NoEquals { .. } => return report.mistake(place, None, NO_EQUALS.to_owned()),
            Line::Broken { name: None, why, .. } => return report.mistake(place, None, why.to_owned()),
        };
        let Some(key) = key_called(&name) else {
            return report.mistake(place, None, unknown(&name));
        };
        let mut given = if value.is_empty() { Given::Nothing } else { Given::Value(value, place.clone()) };
        report.keep_secret(key, &given);
        if let Some(why) = broken {
            let why = why.replace("KEY=", &format!("{name}="));
            report.mistake(place.clone(), Some(key), format!("{name} {why}"));
            given = Given::Broken;
        }
        add(&mut self.file, Setting { key, name, place, given }, report);
    }
}

/// The first that says something of the key of that name.
fn of<'a>(mut settings: impl Iterator<Item = &'a Setting>, name: &str) -> &'a Given {
    settings
        .find(|setting| setting.key.name == name && !matches!(setting.given, Given::Nothing))
        .map_or(&Given::Nothing, |setting| &setting.given)
}

/// Adds a setting of one source, unless the key is set there already.
fn add(settings: &mut Vec<Setting>, new: Setting, report: &mut Report) {
    let Some(old) = settings.iter().find(|old| old.key.name == new.key.name) else {
        settings.push(new);
        return;
    };
    let (name, key) = (&new.name, new.key);
    if old.name == *name {
        let text = format!("{name} is set on {} already; keep one of the two lines", old.place.of_line());
        report.mistake(new.place, Some(key), text);
    } else if let (Given::Value(first, _), Given::Value(second, _)) = (&old.given, &new.given)
        && first != second
    {
        let text = format!(
            "{name} and {} ({}) are two names of one setting and differ; keep one of them",
            old.name,
            old.place.of_line()
        );
        report.mistake(new.place, Some(key), text);
    } else {
        settings.push(new);
    }
}

fn key_called(name: &str) -> Option<&'static Key> {
    KEYS.iter().copied().find(|key| key.is_called(name))
}

fn unknown(name: &str) -> String {
    let shown = if is_showable(name) { format!(" {name}") } else { String::new() };
    let upper = name.to_ascii_uppercase();
    let names = KEYS.iter().flat_map(|key| [Some(key.name), key.alias]).flatten();
    let (alikeness, nearest) = names
        .map(|key| (strsim::jaro_winkler(&upper, key), key))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .unwrap_or((0.0, ""));
    if nearest == upper {
        format!("keys are in capitals; write {nearest}=…")
    } else if alikeness >= ALIKE {
        format!("unknown key{shown}; did you mean {nearest}=…?")
    } else {
        format!("unknown key{shown}; remove the line, or see config.example.env for the keys")
    }
}

/// A token alone on its line can look like a name if it ends in `=`; those have small letters or no words.
fn is_showable(name: &str) -> bool {
    name.len() <= 40
        && !name.contains(|c: char| c.is_ascii_lowercase())
        && name.split('_').all(|word| word.len() <= 12)
}

impl Place {
    fn of_line(&self) -> String {
        match self {
            Self::Line(_, line) => format!("line {line}"),
            Self::File(_) => "the file".to_owned(),
            Self::Cloud => "the cloud's settings".to_owned(),
            Self::Environment => "the environment".to_owned(),
        }
    }
}

impl Report {
    /// Notes a mistake; `text` names the key.
    pub(super) fn mistake(&mut self, place: Place, key: Option<&Key>, text: String) {
        self.push(Mistake { place, key: key.map(|key| key.name), text });
    }

    /// Notes a mistake.
    pub(super) fn push(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Notes once that there is no file at all.
    pub(super) fn no_file(&mut self, tried: &[PathBuf]) {
        let list: Vec<_> = tried.iter().map(|path| escaped(&path.to_string_lossy())).collect();
        let first = list.first().map_or("config.env", String::as_str);
        let text = format!(
            "no configuration file (looked for {}): copy config.example.env to {first} and fill it in",
            list.join(" and ")
        );
        let mistake = Mistake { place: Place::Environment, key: None, text };
        if !self.mistakes.contains(&mistake) {
            self.push(mistake);
        }
    }

    /// The warnings, if there is no mistake.
    pub(super) fn into_warnings(self) -> Result<Vec<String>, Mistakes> {
        if self.mistakes.is_empty() {
            Ok(self.warnings)
        } else {
            Err(Mistakes::new(self.mistakes, &self.secrets))
        }
    }

    /// Remembers the values of secret keys, so that no sentence holds one.
    fn keep_secret(&mut self, key: &Key, given: &Given) {
        if let Given::Value(value, _) = given
            && key.secret
            && value.len() >= MIN_SECRET_BYTES
        {
            self.secrets.push(value.clone());
        }
    }
}
