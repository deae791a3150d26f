//! Commands from the cloud: one file an action.

mod ping;

use ems_protocol::{Command, CommandAck, CommandStatus, DeviceId, ReasonCode, Timestamp};
use serde_json::Value;

/// The actions that this device takes, as said in `device.hello`.
pub const ACTIONS: &[&str] = &[ping::ACTION];

/// Does what a command asks for and gives the final answer.
pub fn answer(command: &Command, device_id: &DeviceId, now: Timestamp) -> CommandAck {
    let ack = CommandAck {
        command_id: command.command_id.clone(),
        device_id: device_id.clone(),
        timestamp: now,
        status: CommandStatus::Succeeded,
        reason_code: None,
        reason: None,
        result: None,
    };
    if command.command_id.is_empty() {
        return rejected(
            ack,
            ReasonCode::InvalidPayload,
            "command_id is empty: every command needs one of its own",
        );
    }
    match command.action.as_str() {
        ping::ACTION => CommandAck { result: Some(ping::run()), ..ack },
        _ => rejected(ack, ReasonCode::UnknownAction, "this device does not take that action"),
    }
}

/// The answer to something that wants to be a command and is none.
pub fn refuse(text: &str, device_id: &DeviceId, now: Timestamp) -> CommandAck {
    let problem = ems_protocol::parse::<Command>(text).err().map(|e| e.message).unwrap_or_default();
    let command_id = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|v| v.get("command_id").and_then(Value::as_str).map(|id| id.chars().take(128).collect()))
        .unwrap_or_default();
    let ack = CommandAck {
        command_id,
        device_id: device_id.clone(),
        timestamp: now,
        status: CommandStatus::Rejected,
        reason_code: None,
        reason: None,
        result: None,
    };
    rejected(ack, ReasonCode::InvalidPayload, &problem)
}

fn rejected(ack: CommandAck, code: ReasonCode, reason: &str) -> CommandAck {
    CommandAck {
        status: CommandStatus::Rejected,
        reason_code: Some(code),
        reason: Some(reason.to_owned()),
        result: None,
        ..ack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> CommandAck {
        let (id, now) = ("ems_001".parse().unwrap(), Timestamp::from_millis(0));
        match ems_protocol::parse::<Command>(text) {
            Ok(command) => answer(&command, &id, now),
            Err(_) => refuse(text, &id, now),
        }
    }

    #[test]
    fn a_ping_succeeds_under_its_own_id() {
        let ack = ask(r#"{"command_id":"c1","action":"PING"}"#);
        assert_eq!((ack.command_id.as_str(), ack.status), ("c1", CommandStatus::Succeeded));
    }

    #[test]
    fn what_cannot_be_done_is_rejected_with_the_reason() {
        let cases = [
            (r#"{"command_id":"c1","action":"FORMAT"}"#, ReasonCode::UnknownAction, "c1"),
            (r#"{"action":"PING"}"#, ReasonCode::InvalidPayload, ""),
            (r#"{"command_id":"","action":"PING"}"#, ReasonCode::InvalidPayload, ""),
            (r#"{"command_id":"c2","action":7}"#, ReasonCode::InvalidPayload, "c2"),
            (r#"{"command_id":"c3","action":"PING","payload":[]}"#, ReasonCode::InvalidPayload, "c3"),
        ];
        for (text, code, id) in cases {
            let ack = ask(text);
            assert_eq!((ack.status, ack.reason_code), (CommandStatus::Rejected, Some(code)), "{text}");
            assert_eq!(ack.command_id, id);
            assert!(!ack.reason.unwrap_or_default().is_empty());
        }
    }
}
