//! The actions of the contract, and which of them this device takes.

use std::fmt;

/// What a command can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Proves the way there and back.
    Ping,
    /// Takes a sample now.
    ReadNow,
    /// Blinks the board's LED.
    Identify,
    /// Drives the charge and load outputs by hand or by itself.
    SetMode,
    /// Leaves ERROR, if its cause is gone.
    ResetError,
    /// Switches one named output.
    SetOutput,
    /// Changes settings that may be changed from afar.
    SetConfig,
    /// Replaces the token.
    RotateToken,
    /// Gives the doctor's report and the last log lines.
    Diagnostics,
    /// Starts the daemon anew.
    Restart,
    /// Starts the machine anew.
    Reboot,
}

/// Every action with its name on the wire.
const NAMES: [(Action, &str); 11] = [
    (Action::Ping, "PING"),
    (Action::ReadNow, "READ_NOW"),
    (Action::Identify, "IDENTIFY"),
    (Action::SetMode, "SET_MODE"),
    (Action::ResetError, "RESET_ERROR"),
    (Action::SetOutput, "SET_OUTPUT"),
    (Action::SetConfig, "SET_CONFIG"),
    (Action::RotateToken, "ROTATE_TOKEN"),
    (Action::Diagnostics, "DIAGNOSTICS"),
    (Action::Restart, "RESTART"),
    (Action::Reboot, "REBOOT"),
];

impl Action {
    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(action, _)| *action)
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(action, _)| *action == self).map_or("", |(_, name)| name)
    }

    /// Whether it changes anything: then its id is on the card before it acts. The others cost no card write.
    pub fn has_effect(self) -> bool {
        !matches!(self, Self::Ping | Self::ReadNow | Self::Diagnostics)
    }

    /// Whether it takes outputs.
    pub fn needs_outputs(self) -> bool {
        matches!(self, Self::SetMode | Self::SetOutput)
    }
}

/// A set of actions: `COMMANDS_ALLOW`.
#[derive(Clone, PartialEq, Eq)]
pub struct Allowed(Vec<Action>);

impl Allowed {
    /// Reads `PING,READ_NOW`, `all` or `none`.
    ///
    /// # Errors
    /// The word that names no action.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "all" => return Ok(Self(NAMES.iter().map(|(action, _)| *action).collect())),
            "none" => return Ok(Self(Vec::new())),
            _ => {}
        }
        let mut actions = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            actions.push(Action::from_name(&word.to_ascii_uppercase()).ok_or_else(|| word.to_owned())?);
        }
        actions.sort_unstable();
        actions.dedup();
        Ok(Self(actions))
    }

    /// Whether the owner of the device lets it be done.
    pub fn contains(&self, action: Action) -> bool {
        self.0.contains(&action)
    }

    /// What `device.hello` names: allowed, and possible on this device.
    pub fn offered(&self, has_outputs: bool) -> Vec<String> {
        let is_possible = |action: &&Action| has_outputs || !action.needs_outputs();
        self.0.iter().filter(is_possible).map(|action| action.name().to_owned()).collect()
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|action| action.name()).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_actions_is_read_in_any_order_and_case() {
        let allowed = Allowed::parse(" reboot, PING,PING ").unwrap();
        assert_eq!(format!("{allowed:?}"), "PING,REBOOT");
        assert_eq!(Allowed::parse("PING,FORMAT"), Err("FORMAT".to_owned()));
        assert!(Allowed::parse("none").unwrap().offered(true).is_empty());
        assert!(Allowed::parse("all").unwrap().contains(Action::SetOutput));
    }

    #[test]
    fn what_this_device_cannot_do_is_not_offered() {
        let has =
            |outputs, name: &str| Allowed::parse("all").unwrap().offered(outputs).contains(&name.to_owned());
        assert!(has(false, "PING") && !has(false, "SET_OUTPUT") && has(true, "SET_OUTPUT"));
    }
}
