//! Hands out the value of one key after the other, from the environment, the file or the table's defaults.

use std::ffi::OsString;
use std::path::PathBuf;

use super::board;
use super::file::Found;
use super::keys::{KEYS, entry};
use super::mistake::{Mistake, Mistakes, Place, Refusal};
use super::overrides::Values;
use super::settings::{Given, Report, Settings};
use super::table::{Key, Need};
use crate::sensor::SensorKind;

/// The values, and what was found wrong with them so far.
pub(super) struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<OsString>,
    file: File,
    settings: Settings,
    report: Report,
}

enum File {
    Read(PathBuf),
    /// What it lacks is unknown, so no key is called missing.
    Unreadable,
    /// These were looked for.
    Nowhere(Vec<PathBuf>),
}

impl<'a> Reader<'a> {
    /// Takes in the file and the environment, and notes what is wrong with each line by itself.
    pub(super) fn new(
        found: Found,
        environment: &'a dyn Fn(&str) -> Option<OsString>,
        overrides: Option<&Values>,
    ) -> Self {
        let mut report = Report::default();
        let mut settings = Settings::default();
        let file = match found {
            Found::File(path, contents) => {
                if settings.take_file(&path, &contents, &mut report) {
                    File::Read(path)
                } else {
                    File::Unreadable
                }
            }
            Found::Unreadable(path, error) => {
                report.mistake(Place::File(path), None, format!("{error}: {}", error.remedy()));
                File::Unreadable
            }
            Found::Nowhere(tried) => File::Nowhere(tried),
        };
        settings.take_environment(environment, &mut report);
        if let Some(values) = overrides {
            settings.take_overrides(values, &mut report);
        }
        Self { environment, file, settings, report }
    }

    /// The value of `key` or its default; `None` after a mistake.
    pub(super) fn read<T>(&mut self, key: &'static Key, parse: fn(&str) -> Result<T, Refusal>) -> Option<T> {
        let (text, place) = match self.settings.given(key) {
            Given::Value(text, place) => (text.clone(), place.clone()),
            Given::Broken => return None,
            Given::Nothing => (self.without(key)?, Place::Environment),
        };
        let refusal = match parse(&text) {
            Ok(value) => return Some(value),
            Err(refusal) => refusal,
        };
        self.report.push(Mistake::of_value(place, key, &text, &refusal));
        None
    }

    /// Notes what works but deserves a look.
    pub(super) fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        self.report.warnings.extend(warnings);
    }

    /// Notes that `key` does not fit the others; the sentence holds the remedy.
    pub(super) fn refuse(&mut self, key: &'static Key, sentence: &str) {
        let place_of = |key| match self.settings.given(key) {
            Given::Value(_, place) => Some(place.clone()),
            Given::Broken | Given::Nothing => None,
        };
        let of_board =
            || place_of(&entry::board).filter(|_| self.settings.board().is_some_and(|b| b.sets(key.name)));
        let place = place_of(key).or_else(of_board).unwrap_or_else(|| self.place_of_the_missing());
        self.report.mistake(place, Some(key), format!("{}: {sentence}", key.name));
    }

    /// [`Self::refuse`] by the key's name.
    pub(super) fn refuse_named(&mut self, name: &str, sentence: &str) {
        if let Some(key) = KEYS.iter().find(|key| key.name == name) {
            self.refuse(key, sentence);
        }
    }

    /// The file that was read and the warnings, if nothing is wrong.
    pub(super) fn finish(self) -> Result<(Option<PathBuf>, Vec<String>), Mistakes> {
        let warnings = self.report.into_warnings()?;
        Ok((if let File::Read(path) = self.file { Some(path) } else { None }, warnings))
    }

    /// What holds for a key that is not set.
    fn without(&mut self, key: &'static Key) -> Option<String> {
        if let Some(directory) = key.directory_from.and_then(|name| self.directory_of_unit(name)) {
            return Some(directory);
        }
        let (board, sensor) = (self.settings.board(), self.settings.sensor());
        if let Some(value) = board::implied(key.name, board.as_ref(), sensor) {
            return Some(value.to_owned());
        }
        let default = match key.need {
            Need::Required => None,
            Need::Default(value) => Some(value),
            Need::BySensor { simulated, .. } if sensor == Some(SensorKind::Simulated) => Some(simulated),
            Need::BySensor { chip, .. } => chip,
        };
        // Of a board that is not known nobody can say what it would have set.
        if default.is_none() && !(board::any_sets(key.name) && self.settings.names_unknown_board()) {
            self.note_missing(key);
        }
        default.map(str::to_owned)
    }

    /// systemd lists several with colons between; the unit has one.
    fn directory_of_unit(&self, name: &str) -> Option<String> {
        let list = (self.environment)(name)?.into_string().ok()?;
        list.split(':').next().filter(|first| !first.is_empty()).map(str::to_owned)
    }

    fn note_missing(&mut self, key: &'static Key) {
        match &self.file {
            File::Unreadable => return,
            File::Nowhere(tried) => self.report.no_file(tried),
            File::Read(_) => {}
        }
        let need = match key.need {
            Need::BySensor { .. } => ", which every SENSOR but simulated needs",
            Need::Required | Need::Default(_) => "",
        };
        let text = format!(
            "{name} is not set{need}: {}; write e.g. {name}={}",
            key.summary().trim_end_matches('.'),
            key.example,
            name = key.name,
        );
        let place = self.place_of_the_missing();
        self.report.mistake(place, Some(key), text);
    }

    fn place_of_the_missing(&self) -> Place {
        match &self.file {
            File::Read(path) => Place::File(path.clone()),
            File::Unreadable | File::Nowhere(_) => Place::Environment,
        }
    }
}
