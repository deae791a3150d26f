//! A change from afar, judged as a whole before any of it holds.

use std::ffi::OsString;
use std::path::Path;

use super::file::{self, Found};
use super::keys::{KEYS, entry};
use super::overrides::{Override, Overrides, Values};
use super::settings::{Given, Report, Settings};
use super::{Loaded, SEARCH, Secret, check, load_with, secret};

/// Judges `changes`: a key and its new value each, or nothing for what the file says.
///
/// The answer is what to save: the changes are on trial in it.
///
/// # Errors
/// Every reason against it, a sentence each.
pub fn propose(
    path: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    folder: &Path,
    changes: &[(String, Option<String>)],
) -> Result<Overrides, Vec<String>> {
    let said = Said::read(path, environment);
    let overrides = Overrides::read(folder).given_up();
    let mut values = overrides.settings.clone();
    let mut reasons = Vec::new();
    for (name, value) in changes {
        if let Err(reason) = said.change(&mut values, name, value.as_deref()) {
            reasons.push(reason);
        }
    }
    if changes.is_empty() {
        reasons.push("the payload names no key: expected {\"KEY\": \"value\"}".to_owned());
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    load_with(path, &SEARCH.map(Path::new), environment, Some(&values))
        .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.text.clone()).collect::<Vec<_>>())?;
    Ok(Overrides { trial: Some(values), ..overrides })
}

/// What to save for a new token: it holds at once, and the one that has connected last stays beside it: the present one,
/// or `with_spare` the one before, if an earlier replacement was never taken by the cloud.
///
/// # Errors
/// Why it cannot be the token.
pub fn propose_token(
    path: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    folder: &Path,
    token: &str,
    with_spare: bool,
) -> Result<Overrides, String> {
    let token = secret::token(token).map_err(|refusal| format!("token: {}", refusal.why))?;
    let said = Said::read(path, environment);
    if said.is_in_environment(entry::api_token.name) {
        return Err(
            "API_TOKEN comes from the environment of the service: it cannot be replaced from afar".to_owned()
        );
    }
    let loaded: Loaded = super::load(path, environment).map_err(|mistakes| mistakes.to_string())?;
    let spare = loaded.spare_token.as_ref().filter(|_| with_spare);
    let present: &Secret = spare.unwrap_or(&loaded.config.api_token);
    let mut overrides = Overrides::read(folder).given_up();
    let value = Override {
        value: token.expose().to_owned(),
        replaces: said.in_file(entry::api_token.name),
        spare: Some(present.expose().to_owned()),
    };
    overrides.settings.insert(entry::api_token.name.to_owned(), value);
    Ok(overrides)
}

/// What the file and the environment say, without what the cloud has set.
struct Said(Settings);

impl Said {
    fn read(path: Option<&Path>, environment: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let (mut settings, mut report) = (Settings::default(), Report::default());
        if let Found::File(path, contents) = file::find(path, &SEARCH.map(Path::new)) {
            settings.take_file(&path, &contents, &mut report);
        }
        settings.take_environment(environment, &mut report);
        Self(settings)
    }

    fn in_file(&self, name: &str) -> Option<String> {
        match self.0.in_file(name) {
            Given::Value(text, _) => Some(text.clone()),
            Given::Broken | Given::Nothing => None,
        }
    }

    fn is_in_environment(&self, name: &str) -> bool {
        self.0.is_in_environment(name)
    }

    fn change(&self, values: &mut Values, name: &str, value: Option<&str>) -> Result<(), String> {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        let key = KEYS
            .iter()
            .find(|key| key.name == name)
            .ok_or_else(|| format!("{shown}: there is no such key"))?;
        if !key.remote {
            return Err(format!("{name} cannot be changed from afar: edit the file on the device"));
        }
        if self.is_in_environment(name) {
            return Err(format!(
                "{name} comes from the environment of the service: it cannot be changed from afar"
            ));
        }
        let Some(value) = value else {
            values.remove(name);
            return Ok(());
        };
        check(key, value).map_err(|why| format!("{name}: {why}"))?;
        let replaces = self.in_file(name);
        values.insert(name.to_owned(), Override { value: value.to_owned(), replaces, spare: None });
        Ok(())
    }
}
