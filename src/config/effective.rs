//! What holds for each key, and where it comes from: for people, and for setup.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::board::{self, Board};
use super::file::{self, Found};
use super::keys::{KEYS, entry};
use super::mistake::{Place, escaped, is_showable};
use super::overrides::Overrides;
use super::settings::{Given, Report, Settings};
use super::table::{Key, Need};
use super::{SEARCH, values};
use crate::sensor::SensorKind;

/// One key and what holds for it.
#[derive(Clone)]
pub struct Effective {
    /// The key.
    pub key: &'static Key,
    /// Where the value comes from.
    pub origin: Origin,
    value: Option<String>,
    /// It is a secret, or has one in it, or looks like it.
    is_hidden: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file, or the environment.
    Given(Place),
    /// What the board or the chip says.
    Board,
    /// The directory that systemd has made for the unit.
    Unit,
    /// Nobody has set it: the default.
    Default,
    /// Nobody has set it, and it has to be.
    Missing,
    /// There is a line, and it cannot be read.
    Broken,
}

/// What a secret is shown as.
const MASK: &str = "[secret]";

impl Effective {
    /// The text of the value, secret or not; `None` if there is none.
    pub(crate) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The value for people: a secret is masked.
    pub fn shown(&self) -> Option<String> {
        let value = self.value.as_deref()?;
        Some(if self.is_hidden { MASK.to_owned() } else { escaped(value) })
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?} ({:?})", self.key.name, self.shown(), self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(place) => place.fmt(f),
            Self::Board => f.write_str("BOARD or SENSOR"),
            Self::Unit => f.write_str("systemd"),
            Self::Default => f.write_str("default"),
            Self::Missing => f.write_str("not set"),
            Self::Broken => f.write_str("cannot be read"),
        }
    }
}

/// What holds for every key, whether or not it can be used; as [`super::load`] finds it.
pub fn effective(path: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Vec<Effective> {
    let environment: &dyn Fn(&str) -> Option<OsString> = &environment;
    let (mut settings, mut report) = (Settings::default(), Report::default());
    if let Found::File(path, contents) = file::find(path, &SEARCH.map(Path::new)) {
        settings.take_file(&path, &contents, &mut report);
    }
    settings.take_environment(environment, &mut report);
    if let Some(folder) = state_folder(&settings, environment) {
        settings.take_overrides(Overrides::read(&folder).values(false), &mut report);
    }
    let (board, sensor) = (settings.board(), settings.sensor());
    let of = |key: &&'static Key| {
        let (origin, value) = match settings.given(key) {
            Given::Value(text, place) => (Origin::Given(place.clone()), Some(text.clone())),
            Given::Broken => (Origin::Broken, None),
            Given::Nothing => unset(key, board.as_ref(), sensor, environment),
        };
        let is_hidden = value.as_deref().is_some_and(|value| !is_showable(key, value));
        Effective { key, origin, value, is_hidden }
    };
    let mut entries: Vec<_> = KEYS.iter().map(of).collect();
    let secrets: Vec<_> = entries.iter().filter(|e| e.key.secret).filter_map(|e| e.value.clone()).collect();
    for entry in &mut entries {
        let value = entry.value.as_deref().unwrap_or_default();
        // People put it into the wrong line, too.
        entry.is_hidden |= secrets.iter().any(|secret| value.contains(secret.as_str()));
    }
    entries
}

/// Where the daemon of this configuration keeps what the cloud has set.
fn state_folder(settings: &Settings, environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let text = |key: &'static Key| match settings.given(key) {
        Given::Value(text, _) => Some(text.clone()),
        Given::Broken => None,
        Given::Nothing => unset(key, None, None, environment).1,
    };
    let device_id = text(&entry::device_id).filter(|id| values::device_id(id).is_ok())?;
    Some(Path::new(&text(&entry::state_dir)?).join(device_id))
}

fn unset(
    key: &Key,
    board: Option<&Board>,
    sensor: Option<SensorKind>,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> (Origin, Option<String>) {
    let of_unit = key.directory_from.and_then(environment).and_then(|list| list.into_string().ok());
    let first = of_unit.and_then(|list| list.split(':').next().map(str::to_owned));
    if let Some(directory) = first.filter(|first| !first.is_empty()) {
        return (Origin::Unit, Some(directory));
    }
    if let Some(value) = board::implied(key.name, board, sensor) {
        return (Origin::Board, Some(value.to_owned()));
    }
    let default = match (key.need, sensor) {
        (Need::Default(value), _) => Some(value),
        (Need::BySensor { simulated, .. }, Some(SensorKind::Simulated)) => Some(simulated),
        (Need::BySensor { chip, .. }, _) => chip,
        (Need::Required, _) => None,
    };
    match default {
        Some(value) => (Origin::Default, Some(value.to_owned())),
        None => (Origin::Missing, None),
    }
}
