//! The actions of the contract: who may ask for each, what it moves, and what its payload looks like.

use serde::Serialize;
use serde_json::{Value, json};

use crate::auth::role::Role;

/// What an action changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    None,
    /// How the device works.
    Device,
    /// Something that a person beside it can see or hear, or that carries current: ask before.
    Hardware,
}

/// An action of the contract.
pub struct Action {
    /// On the wire.
    pub name: &'static str,
    /// The least role that may ask for it.
    pub needs: Role,
    /// What it changes.
    pub effect: Effect,
    /// What it does.
    pub summary: &'static str,
    /// The schema of its payload (JSON Schema 2020-12), as JSON.
    payload: &'static str,
}

/// An action as a page needs it for its form.
#[derive(Debug, Serialize)]
pub struct View {
    action: String,
    summary: &'static str,
    role: Role,
    effect: Effect,
    payload: Value,
}

const NOTHING: &str = r#"{"type": "object", "additionalProperties": false}"#;

/// All actions of the contract.
pub const ACTIONS: &[Action] = &[
    Action {
        name: "PING",
        needs: Role::Operator,
        effect: Effect::None,
        summary: "The way there and back",
        payload: NOTHING,
    },
    Action {
        name: "READ_NOW",
        needs: Role::Operator,
        effect: Effect::None,
        summary: "A sample at once",
        payload: NOTHING,
    },
    Action {
        name: "DIAGNOSTICS",
        needs: Role::Operator,
        effect: Effect::None,
        summary: "The doctor's report and the last lines of the log",
        payload: r#"{"type": "object", "additionalProperties": false, "properties": {
            "lines": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 100, "title": "Lines of the log"}}}"#,
    },
    Action {
        name: "IDENTIFY",
        needs: Role::Operator,
        effect: Effect::Hardware,
        summary: "Blinks, so that somebody finds the device",
        payload: r#"{"type": "object", "additionalProperties": false, "properties": {
            "seconds": {"type": "number", "minimum": 1, "maximum": 3600, "default": 30, "title": "For how long, in s"}}}"#,
    },
    Action {
        name: "SET_MODE",
        needs: Role::Operator,
        effect: Effect::Hardware,
        summary: "Drives the charge and load outputs by hand, or lets the device do it",
        payload: r#"{"type": "object", "additionalProperties": false, "required": ["target_mode"], "properties": {
            "target_mode": {"enum": ["AUTO", "MANUAL_CHARGE", "MANUAL_DISCHARGE", "MANUAL_IDLE"], "default": "AUTO", "title": "Mode"},
            "target_power": {"type": "number", "minimum": 0, "title": "Power, in W", "description": "not for outputs that are on or off only"}}}"#,
    },
    Action {
        name: "SET_OUTPUT",
        needs: Role::Operator,
        effect: Effect::Hardware,
        summary: "Switches one output",
        payload: r#"{"type": "object", "additionalProperties": false, "required": ["output", "on"], "properties": {
            "output": {"type": "string", "minLength": 1, "title": "Output", "description": "a name out of the device's OUTPUTS"},
            "on": {"type": "boolean", "title": "On"},
            "for_s": {"type": "number", "minimum": 0.1, "maximum": 86400, "title": "For how long, in s", "description": "without it until something else is said"}}}"#,
    },
    Action {
        name: "RESET_ERROR",
        needs: Role::Operator,
        effect: Effect::Hardware,
        summary: "Leaves ERROR, if its cause is gone",
        payload: NOTHING,
    },
    Action {
        name: "SET_CONFIG",
        needs: Role::Operator,
        effect: Effect::Device,
        summary: "Changes settings: all of them or none, on trial until the device is back with them",
        payload: r#"{"type": "object", "minProperties": 1, "additionalProperties": {"type": ["string", "number", "null"]},
            "description": "null takes back what was set from afar", "properties": {
            "SAMPLE_INTERVAL": {"type": ["string", "null"], "title": "Time between samples", "examples": ["1s"]},
            "FLUSH_INTERVAL": {"type": ["string", "null"], "title": "Longest time that a sample is in memory only", "examples": ["60s"]},
            "BACKLOG_MAX_MB": {"type": ["string", "number", "null"], "title": "Backlog on the card, in MB", "examples": ["64"]},
            "BACKLOG_HOURS": {"type": ["string", "number", "null"], "title": "Backlog, in hours", "examples": ["168"]},
            "BACKLOG_RATE": {"type": ["string", "number", "null"], "title": "Backlog, in samples a second"},
            "CAPACITY_AH": {"type": ["string", "number", "null"], "title": "Capacity of the battery, in Ah", "examples": ["100"]},
            "CURRENT_SIGN": {"type": ["string", "null"], "title": "Sign of the current", "examples": ["normal"]},
            "DIVIDER": {"type": ["string", "number", "null"], "title": "Voltage divider", "examples": ["2.0"]},
            "SERVER_URL": {"type": ["string", "null"], "title": "Server", "examples": ["wss://cloud.example.com"]},
            "LOG_LEVEL": {"type": ["string", "null"], "title": "What is logged", "examples": ["info"]}}}"#,
    },
    Action {
        name: "ROTATE_TOKEN",
        needs: Role::Admin,
        effect: Effect::Device,
        summary: "Gives the device a new token; the old one is void once the device has connected with it",
        payload: NOTHING,
    },
    Action {
        name: "RESTART",
        needs: Role::Operator,
        effect: Effect::Device,
        summary: "Starts the daemon anew",
        payload: NOTHING,
    },
    Action {
        name: "REBOOT",
        needs: Role::Operator,
        effect: Effect::Hardware,
        summary: "Starts the device anew",
        payload: NOTHING,
    },
];

/// The least role that may ask for an action. What is not in the contract is an operator's too: the device decides.
pub fn needs(action: &str) -> Role {
    find(action).map_or(Role::Operator, |action| action.needs)
}

/// The actions of these names, or all of them for a device that has not said which it takes.
pub fn views(names: Option<&[String]>) -> Vec<View> {
    match names {
        None => ACTIONS.iter().map(|action| view(action.name)).collect(),
        Some(names) => names.iter().map(|name| view(name)).collect(),
    }
}

fn view(name: &str) -> View {
    let known = find(name);
    View {
        action: name.to_owned(),
        summary: known.map_or("An action that this server does not know", |action| action.summary),
        role: needs(name),
        // Nobody knows.
        effect: known.map_or(Effect::Hardware, |action| action.effect),
        payload: known
            .and_then(|action| serde_json::from_str(action.payload).ok())
            .unwrap_or_else(|| json!({ "type": "object" })),
    }
}

fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_schema_and_an_unknown_one_takes_any_object() {
        for action in ACTIONS {
            let schema: Value =
                serde_json::from_str(action.payload).unwrap_or_else(|e| panic!("{}: {e}", action.name));
            assert_eq!(schema["type"], "object", "{}", action.name);
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(schema["properties"][name.as_str().unwrap()].is_object(), "{}: {name}", action.name);
            }
        }
        let odd = view("FLY");
        assert_eq!(
            (odd.role, odd.effect, odd.payload),
            (Role::Operator, Effect::Hardware, json!({"type": "object"}))
        );
    }
}
