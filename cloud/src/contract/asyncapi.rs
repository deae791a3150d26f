//! `AsyncAPI` 3.0, from the tables of messages and rooms.

use ems_protocol::kind;
use serde_json::{Map, Value, json};

use super::{reference, schemas};
use crate::door::events::messages::MESSAGES;
use crate::rooms::ROOMS;

/// A message: its type, the schema of its payload, when it is sent.
type Described<'a> = (&'a str, &'a str, &'a str);

/// What the server says at the event door: the type, its schema, when.
const TO_USERS: &[(&str, &str, &str)] = &[
    (kind::CONNECTION, "Connection", "First of all, after authentication"),
    ("system.authenticated", "Authenticated", "Answers auth on a connection that is authenticated"),
    (kind::HEARTBEAT, "Heartbeat", "Every 30 s"),
    (kind::ERROR, "Error", "A message could not be used; the socket stays open"),
    ("pong", "Pong", "Answers ping, with its payload"),
    ("subscribed", "Room", "A room was joined"),
    ("unsubscribed", "Room", "A room was left"),
    (kind::STATUS, "Status", "In device/{id} and devices: presence"),
    ("device.removed", "Removed", "In device/{id} and devices: a device was taken off the registry"),
    (
        kind::TELEMETRY,
        "Telemetry",
        "In device/{id}: the latest sample; `skipped` beside the payload counts those before it",
    ),
    (
        "telemetry.recent",
        "Recent",
        "After subscribe with recent_s or since: the last minutes, or what was missed",
    ),
    ("fleet.snapshot", "FleetSnapshot", "In fleet: at once a row for each device"),
    ("fleet.update", "FleetUpdate", "In fleet, at most once a second: the rows that have changed"),
    (kind::BACKFILL, "Backfill", "In device/{id}: late samples are in the history now"),
    (kind::EVENT, "Event", "In device/{id} and events: something happened on a device"),
    (kind::COMMAND_STATUS, "Command", "In device/{id}: where a command stands"),
    (kind::UWB_DEVICES, "UwbDeviceList", "Answers get_active_devices"),
    (kind::UWB_LOCATION, "UwbLocation", "In uwb, and while tags are tracked: where a tag is"),
    (kind::UWB_HISTORY, "LocationHistory", "Answers get_location_history"),
    ("uwb.tracking", "Tracking", "The tags that are tracked now"),
    ("alarm", "Alarm", "In alarms: it was raised, acknowledged or cleared"),
    ("audit", "AuditEntry", "In audit: somebody did something, or was not let do it"),
];

/// What devices say in typed mode.
const FROM_DEVICES: &[(&str, &str, &str)] = &[
    (kind::HELLO, "Hello", "First of all"),
    (kind::TELEMETRY, "Telemetry", "A live sample; in plain mode the bare object is the frame"),
    (kind::BATCH, "Batch", "Samples from the backlog, oldest first"),
    (kind::EVENT, "Event", "Something happened on the device"),
    (kind::COMMAND_ACK, "CommandAck", "What came of a command"),
    (kind::UWB_LOCATION, "UwbLocation", "Where a UWB tag is"),
    (kind::UWB_DEVICES, "UwbDeviceList", "Where several UWB tags are"),
    (kind::ERROR, "Error", "A frame could not be used"),
];

/// What the server says to devices in typed mode.
const TO_DEVICES: &[(&str, &str, &str)] = &[
    (kind::WELCOME, "Welcome", "Answers device.hello"),
    (kind::ACK, "Ack", "These samples are durable: the device may forget them"),
    (kind::COMMAND, "DeviceCommand", "A command; in plain mode the bare object is the frame"),
    (kind::HEARTBEAT, "Heartbeat", "Every 30 s"),
    (kind::ERROR, "Error", "A frame could not be used"),
];

/// What the server says to whoever watches one device in typed mode.
const TO_WATCHERS: &[(&str, &str, &str)] = &[
    (
        kind::TELEMETRY,
        "Telemetry",
        "The latest sample; in plain mode the bare object is the frame, and nothing else comes",
    ),
    (kind::BACKFILL, "Backfill", "Late samples are in the history now"),
    (kind::STATUS, "Status", "Presence"),
    (kind::EVENT, "Event", "Something happened on the device"),
    (kind::COMMAND_STATUS, "Command", "Where a command stands"),
    (kind::HEARTBEAT, "Heartbeat", "Every 30 s"),
    (kind::ERROR, "Error", "A frame could not be used"),
];

/// The document.
#[expect(clippy::indexing_slicing, reason = "a key of a JSON object that was just made")]
pub fn document() -> Value {
    let from_users: Vec<_> = MESSAGES.iter().map(|m| (m.kind, m.payload, m.summary)).collect();
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "ems-cloud",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "Every typed message is {{\"type\", \"payload\"}}. Rooms and the least role that may join: {}.",
                rooms()
            ),
        },
        "channels": {
            "device": channel("/ws/device/{device_id}", &[("fromDevice", FROM_DEVICES), ("toDevice", TO_DEVICES)]),
            "dashboard": channel("/ws/dashboard/{device_id}", &[("toWatcher", TO_WATCHERS)]),
            "events": channel("/ws/{room}", &[("fromUser", &from_users), ("toUser", TO_USERS)]),
        },
        "operations": {},
        "components": { "schemas": schemas() },
    });
    let operations = [
        ("device", "receive", "fromDevice", FROM_DEVICES),
        ("device", "send", "toDevice", TO_DEVICES),
        ("dashboard", "send", "toWatcher", TO_WATCHERS),
        ("events", "receive", "fromUser", &from_users),
        ("events", "send", "toUser", TO_USERS),
    ];
    for (channel, action, group, messages) in operations {
        let messages: Vec<Value> = messages
            .iter()
            .map(|(kind, _, _)| json!({ "$ref": format!("#/channels/{channel}/messages/{group}.{kind}") }))
            .collect();
        let channel = json!({ "$ref": format!("#/channels/{channel}") });
        document["operations"][group] = json!({ "action": action, "channel": channel, "messages": messages });
    }
    for message in MESSAGES {
        let entry = &mut document["channels"]["events"]["messages"][format!("fromUser.{}", message.kind)];
        entry["description"] = format!(
            "For the role {} and above. Answered by {}.",
            message.needs.as_str(),
            message.answers.join(", ")
        )
        .into();
    }
    document
}

fn rooms() -> String {
    let rooms: Vec<String> = ROOMS.iter().map(|(name, role)| format!("{name} ({})", role.as_str())).collect();
    rooms.join(", ")
}

#[expect(clippy::indexing_slicing, reason = "a key of a JSON object that was just made")]
fn channel(address: &str, groups: &[(&str, &[Described<'_>])]) -> Value {
    let mut messages = Map::new();
    for (group, all) in groups {
        for (kind, schema, summary) in *all {
            let payload = json!({
                "type": "object",
                "required": ["type", "payload"],
                "properties": { "type": { "const": kind }, "payload": reference(schema) },
            });
            let message = json!({ "name": kind, "summary": summary, "payload": payload });
            messages.insert(format!("{group}.{kind}"), message);
        }
    }
    let mut channel = json!({ "address": address, "messages": messages });
    if let Some((_, name)) = address.split_once('{') {
        channel["parameters"] = json!({ name.trim_end_matches('}'): {} });
    }
    channel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_answers_a_message_is_described() {
        for message in MESSAGES {
            for answer in message.answers {
                assert!(TO_USERS.iter().any(|(kind, _, _)| kind == answer), "{}: {answer}", message.kind);
            }
        }
    }
}
