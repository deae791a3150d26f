//! What has been answered so far.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::config::{self, Board, Key, Loaded, Mistakes, Origin};
use crate::sensor::SensorKind;

/// A file that explains every key, for a device that has none.
const TEMPLATE: &str = include_str!("../../../config.example.env");
/// What stands for answers that are not there yet, while others are tested.
const STAND_INS: [(&str, &str); 4] = [
    ("DEVICE_ID", "not-known-yet"),
    ("API_TOKEN", "not-known-yet"),
    ("SERVER_URL", "ws://127.0.0.1"),
    ("SENSOR", "simulated"),
];

/// The present file and what is to change in it.
pub(super) struct Answers {
    text: String,
    is_new: bool,
    present: BTreeMap<&'static str, String>,
    changed: BTreeMap<&'static str, String>,
    offered: BTreeMap<&'static str, String>,
}

impl Answers {
    /// Begins with the file at `path`, if it is there.
    pub(super) fn begin(path: &Path) -> std::io::Result<Self> {
        let (text, is_new) = match fs::read_to_string(path) {
            Ok(text) => (text, false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (TEMPLATE.to_owned(), true),
            Err(error) => return Err(error),
        };
        let mut present = BTreeMap::new();
        if !is_new {
            // The file alone: what this shell has in its environment is not what the service has.
            for entry in config::effective(Some(path), |_| None) {
                let given = matches!(entry.origin, Origin::Given(_));
                if let Some(value) =
                    entry.value().filter(|value| given && config::check(entry.key, value).is_ok())
                {
                    present.insert(entry.key.name, value.to_owned());
                }
            }
        }
        Ok(Self { text, is_new, present, changed: BTreeMap::new(), offered: BTreeMap::new() })
    }

    /// The value of a key so far.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let present = || self.present.get(key).filter(|_| !self.is_left_to_board(key));
        self.changed.get(key).or_else(present).map(String::as_str)
    }

    /// Whether the board that was chosen in this run answers for this key.
    fn is_left_to_board(&self, key: &str) -> bool {
        let chosen = self.changed.get("BOARD").and_then(|name| board(name));
        !self.changed.contains_key(key) && chosen.is_some_and(|board| board.sets(key))
    }

    /// Whether this key was answered in this run.
    pub(super) fn is_answered(&self, key: &str) -> bool {
        self.changed.contains_key(key)
    }

    /// Notes an answer.
    pub(super) fn set(&mut self, key: &'static Key, value: String) {
        self.changed.insert(key.name, value);
    }

    /// Offers a value for a key that nobody has set.
    pub(super) fn suggest(&mut self, name: &'static str, value: &str) {
        self.offered.entry(name).or_insert_with(|| value.to_owned());
    }

    /// What is offered as the answer to a question.
    pub(super) fn offer(&self, name: &str) -> Option<&str> {
        self.get(name).or_else(|| self.offered.get(name).map(String::as_str))
    }

    /// Takes an answer back; it is offered again.
    pub(super) fn forget(&mut self, key: &Key) {
        if let Some(answer) = self.changed.remove(key.name).filter(|_| !key.secret) {
            self.offered.insert(key.name, answer);
        }
    }

    /// Whether a chip on a real bus is meant.
    pub(super) fn has_chip(&self) -> bool {
        self.board().is_some()
            || self.get("SENSOR").is_some_and(|sensor| !sensor.eq_ignore_ascii_case("simulated"))
    }

    /// The board that is meant, if any.
    pub(super) fn board(&self) -> Option<&'static Board> {
        board(self.get("BOARD")?)
    }

    /// Whether the file has to be written.
    pub(super) fn has_changes(&self) -> bool {
        self.is_new || self.changed.iter().any(|(key, value)| self.present.get(key) != Some(value))
    }

    /// The settings as they would be, with stand-ins for what is not known yet; without the chip if `without_chip`.
    pub(super) fn trial(&self, without_chip: bool) -> Result<Loaded, Mistakes> {
        config::load_from(None, &[], |key| {
            let by_board = self.board().is_some_and(|board| board.sets(key));
            let stand_in = STAND_INS.iter().find(|(name, _)| *name == key && !by_board);
            let stand_in = stand_in.map(|(_, value)| *value);
            if without_chip && key == "SENSOR" {
                return Some(OsString::from("simulated"));
            }
            self.get(key).or(stand_in).map(OsString::from)
        })
    }

    /// The new text of the file.
    pub(super) fn text(&self) -> Result<String, String> {
        // A line of its own would win over the board.
        let line = |line: &str| {
            let is_left = line.split_once('=').is_some_and(|(key, _)| self.is_left_to_board(key.trim()));
            if is_left { format!("# {line}\n") } else { format!("{line}\n") }
        };
        let mut text: String = self.text.lines().map(line).collect();
        for (name, value) in &self.changed {
            if !self.is_new && self.present.get(name) == Some(value) {
                continue;
            }
            if let Some(key) = config::KEYS.iter().find(|key| key.name == *name) {
                text = config::set(&text, key, value)?;
            }
        }
        Ok(text)
    }

    /// What is meant by `SENSOR`, if it is a chip.
    pub(super) fn chip(&self) -> Option<SensorKind> {
        let word = self.get("SENSOR")?;
        let named = SensorKind::WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        named.map(|(_, kind)| *kind).filter(|kind| *kind != SensorKind::Simulated)
    }
}

fn board(name: &str) -> Option<&'static Board> {
    config::BOARDS.iter().find(|board| name.eq_ignore_ascii_case(board.name))
}
