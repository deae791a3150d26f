//! `SET_CONFIG`: settings from afar, judged whole, on trial until the cloud can be reached with them.

use std::time::Duration;

use ems_protocol::{ReasonCode, Severity};
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::tools::Tools;
use crate::config::{self, Overrides};
use crate::events::{Incident, code};

/// How long the device may be without a connection before the change is taken back.
const TRIAL: Duration = Duration::from_mins(2);

pub(super) async fn run(tools: &Tools, payload: &Map<String, Value>) -> Result<Value, Refusal> {
    let changes = changes(payload).map_err(|why| Refusal::rejected(ReasonCode::InvalidPayload, why))?;
    let environment = |key: &str| std::env::var_os(key);
    let proposed = config::propose(tools.config.as_deref(), &environment, &tools.state, &changes)
        .map_err(|reasons| Refusal::rejected(ReasonCode::InvalidPayload, reasons.join("; ")))?;
    save(tools, &proposed)?;
    let changed = match tools.reload().await {
        Ok(changed) => changed,
        Err(why) => {
            save(tools, &proposed.clone().given_up())?;
            return Err(Refusal::rejected(ReasonCode::InvalidPayload, why));
        }
    };
    if tools.connects_within(TRIAL).await {
        save(tools, &proposed.clone().kept())?;
        tell(tools, Severity::Info, format!("the cloud has changed the configuration: {changed}"));
        return Ok(json!({ "changed": changed }));
    }
    save(tools, &proposed.clone().given_up())?;
    let outcome = tools.reload().await;
    let words = format!(
        "with the new settings the cloud could not be reached for {} s: they are taken back",
        TRIAL.as_secs()
    );
    tell(tools, Severity::Warning, words.clone());
    match outcome {
        Ok(_) => Err(Refusal::failed(ReasonCode::Hardware, words)),
        Err(why) => {
            Err(Refusal::failed(ReasonCode::Hardware, format!("{words}, with the next start: {why}")))
        }
    }
}

/// What a crash has left on trial is given up for good: to be called at the start.
pub(super) fn forget_trial(tools: &Tools) {
    let overrides = Overrides::read(&tools.state);
    if overrides.has_trial() {
        // On error it stays as it is: not in force, and overwritten by the next change.
        let _ = save(tools, &overrides.given_up());
    }
}

/// As the file has it: text. `null` takes the cloud's value back.
fn changes(payload: &Map<String, Value>) -> Result<Vec<(String, Option<String>)>, String> {
    payload
        .iter()
        .map(|(key, value)| {
            let text = match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                    let key: String = key.chars().filter(|c| !c.is_control()).take(40).collect();
                    return Err(format!("{key}: expected a text or a number, as it stands in the file"));
                }
            };
            Ok((key.clone(), text))
        })
        .collect()
}

fn save(tools: &Tools, overrides: &Overrides) -> Result<(), Refusal> {
    overrides.save(&tools.state).map_err(|error| {
        let words = format!("{} cannot be written ({error}): nothing is changed", tools.state.display());
        Refusal::failed(ReasonCode::Hardware, words)
    })
}

fn tell(tools: &Tools, severity: Severity, words: String) {
    tools.reporter.report(Incident::new(severity, code::CONFIG_CHANGED, words));
}
