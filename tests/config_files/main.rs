//! Configuration files as people write them: good ones, and every way to get one wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod environment;
mod files;
mod mistakes;
mod values;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use ems_edge::config::{Loaded, Mistakes, load_from};
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const HANG: Duration = Duration::from_secs(30);

/// The part of the token by which a leak is recognised.
const MARK: &str = "Zq7Xw9Kd83";

const TOKEN: &str = "sk_Zq7Xw9Kd83";

const GOOD: [&str; 8] = [
    "DEVICE_ID=ems_001",
    "API_TOKEN=sk_Zq7Xw9Kd83",
    "SERVER_URL=wss://cloud.example.com",
    "SENSOR=ina226",
    "SHUNT=100A/75mV",
    "CHEMISTRY=lfp",
    "CELLS_SERIES=8",
    "CAPACITY_AH=100",
];

struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("config.env");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }
}

fn load_text(bytes: impl AsRef<[u8]>) -> Result<Loaded, Mistakes> {
    load_with(bytes, &[])
}

fn load_with(bytes: impl AsRef<[u8]>, environment: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
    let place = Folder::new();
    let path = place.file(bytes);
    load_from(Some(&path), &[], variables(environment))
}

fn variables(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    let map: HashMap<_, _> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    move |name| map.get(name).cloned()
}

/// [`GOOD`] with these lines in the place of those with the same key, or at the end.
fn good_but(lines: &[&str]) -> String {
    let key = |line: &str| line.split('=').next().unwrap().to_owned();
    let mut all: Vec<_> = GOOD.iter().map(ToString::to_string).collect();
    for line in lines {
        match all.iter_mut().find(|old| key(old) == key(line)) {
            Some(old) => (*line).clone_into(old),
            None => all.push((*line).to_owned()),
        }
    }
    all.join("\n") + "\n"
}

fn assert_no_leak(mistakes: &Mistakes) {
    for text in [mistakes.to_string(), format!("{mistakes:?}")] {
        assert!(!text.contains(MARK), "the token leaked: {text}");
    }
}
