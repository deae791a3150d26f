//! What the device answers.

use ems_protocol::{Command, CommandAck, CommandStatus, DeviceId, ReasonCode, Timestamp};
use serde_json::Value;
use tokio::sync::oneshot;

use super::MAX_ID;

/// An answer on its way to the server.
#[derive(Debug)]
pub struct Answer {
    /// What goes over the wire.
    pub ack: CommandAck,
    /// Told when the server has read it.
    pub delivered: Option<oneshot::Sender<()>>,
}

/// Why a command was not done, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: CommandStatus,
    code: ReasonCode,
    reason: String,
}

impl Refusal {
    /// It was not tried.
    pub(super) fn rejected(code: ReasonCode, reason: impl Into<String>) -> Self {
        Self { status: CommandStatus::Rejected, code, reason: reason.into() }
    }

    /// It was tried.
    pub(super) fn failed(code: ReasonCode, reason: impl Into<String>) -> Self {
        Self { status: CommandStatus::Failed, code, reason: reason.into() }
    }

    /// Its code.
    #[cfg(test)]
    pub(super) fn code(&self) -> ReasonCode {
        self.code
    }

    /// As an answer.
    pub(super) fn ack(self, command_id: &str, device_id: &DeviceId, now: Timestamp) -> CommandAck {
        let Self { status, code, reason } = self;
        CommandAck {
            reason_code: Some(code),
            reason: Some(reason),
            ..plain(command_id, device_id, now, status)
        }
    }
}

/// An answer that says no more than where the command stands.
pub(super) fn plain(
    command_id: &str,
    device_id: &DeviceId,
    timestamp: Timestamp,
    status: CommandStatus,
) -> CommandAck {
    CommandAck {
        command_id: command_id.to_owned(),
        device_id: device_id.clone(),
        timestamp,
        status,
        reason_code: None,
        reason: None,
        result: None,
    }
}

/// The answer to something that wants to be a command and is none.
pub fn refuse(text: &str, device_id: &DeviceId, now: Timestamp) -> CommandAck {
    let problem = ems_protocol::parse::<Command>(text).err().map(|e| e.message).unwrap_or_default();
    let command_id: String = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|v| v.get("command_id").and_then(Value::as_str).map(|id| id.chars().take(MAX_ID).collect()))
        .unwrap_or_default();
    Refusal::rejected(ReasonCode::InvalidPayload, problem).ack(&command_id, device_id, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_command_is_rejected_with_the_reason_and_its_id_where_it_has_one() {
        let cases = [
            (r#"{"action":"PING"}"#, ""),
            (r#"{"command_id":"c2","action":7}"#, "c2"),
            (r#"{"command_id":"c3","action":"PING","payload":[]}"#, "c3"),
        ];
        for (text, id) in cases {
            let ack = refuse(text, &"ems_001".parse().unwrap(), Timestamp::from_millis(0));
            assert_eq!(
                (ack.status, ack.reason_code),
                (CommandStatus::Rejected, Some(ReasonCode::InvalidPayload))
            );
            assert_eq!(ack.command_id, id);
            assert!(!ack.reason.unwrap_or_default().is_empty());
        }
    }
}
