//! Rooms: what users of the event door can join, and who is in which.

pub mod board;
mod held;
mod latest;
pub mod mailbox;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use ems_protocol::DeviceId;

use crate::auth::role::Role;
use crate::auth::sessions::User;
use crate::socket::Utf8Bytes;
use crate::sync::Locked;
use board::Board;
use held::Held;
use mailbox::{Latest, Mailbox, What};

/// The table of rooms: each name, and the least role that may join.
pub const ROOMS: &[(&str, Role)] = &[
    ("fleet", Role::Viewer),
    ("devices", Role::Viewer),
    ("device/{id}", Role::Viewer),
    ("uwb", Role::Viewer),
    ("events", Role::Viewer),
    ("alarms", Role::Viewer),
    ("audit", Role::Admin),
];

/// A room that many share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A row for each device, at most once a second.
    Fleet,
    /// Presence of all devices.
    Devices,
    /// Where UWB tags are.
    Uwb,
    /// Events of all devices.
    Events,
    /// Alarms of all devices.
    Alarms,
    /// What is written into the audit.
    Audit,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Room {
    /// One that many share.
    Topic(Topic),
    /// All about one device.
    Device(DeviceId),
}

impl Room {
    /// The room of that name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "fleet" => Self::Topic(Topic::Fleet),
            "devices" => Self::Topic(Topic::Devices),
            "uwb" => Self::Topic(Topic::Uwb),
            "events" => Self::Topic(Topic::Events),
            "alarms" => Self::Topic(Topic::Alarms),
            "audit" => Self::Topic(Topic::Audit),
            _ => Self::Device(name.strip_prefix("device/")?.parse().ok()?),
        })
    }

    /// The least role that may join.
    pub fn needs(&self) -> Role {
        let pattern = match self {
            Self::Device(_) => "device/{id}".to_owned(),
            Self::Topic(_) => self.to_string(),
        };
        ROOMS.iter().find(|(name, _)| *name == pattern).map_or(Role::Admin, |(_, needs)| *needs)
    }

    /// Why this user may not join; whether a user may see a device is another question.
    pub fn refuses(&self, user: &User) -> Option<&'static str> {
        if user.role < self.needs() {
            return Some("this role may not join this room");
        }
        match self {
            Self::Device(_) => None,
            Self::Topic(_) if user.is_everywhere(self.needs()) => None,
            Self::Topic(_) => Some("only an admin of all devices may join this room"),
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(Topic::Fleet) => f.write_str("fleet"),
            Self::Topic(Topic::Devices) => f.write_str("devices"),
            Self::Topic(Topic::Uwb) => f.write_str("uwb"),
            Self::Topic(Topic::Events) => f.write_str("events"),
            Self::Topic(Topic::Alarms) => f.write_str("alarms"),
            Self::Topic(Topic::Audit) => f.write_str("audit"),
            Self::Device(id) => write!(f, "device/{id}"),
        }
    }
}

/// Who is in the shared rooms.
#[derive(Default)]
pub struct Hub {
    members: Mutex<HashMap<Topic, Vec<Arc<Mailbox>>>>,
    held: Arc<Held>,
    board: Arc<Board>,
}

impl Hub {
    /// A mailbox for a user who may see `devices`, or all.
    pub fn mailbox(&self, devices: mailbox::Visible) -> Arc<Mailbox> {
        Arc::new(Mailbox::new(devices, self.held.clone(), self.board.clone()))
    }

    /// The rows of the room `fleet`.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Bytes of events that wait in all mailboxes.
    pub fn held(&self) -> usize {
        self.held.bytes()
    }

    /// Puts a member into a room.
    pub fn join(&self, topic: Topic, member: &Arc<Mailbox>) {
        self.members.locked().entry(topic).or_default().push(member.clone());
    }

    /// Takes a member out of a room.
    pub fn leave(&self, topic: Topic, member: &Arc<Mailbox>) {
        if let Some(members) = self.members.locked().get_mut(&topic) {
            members.retain(|other| !Arc::ptr_eq(other, member));
        }
    }

    /// Something that no member may miss; of `device`, if it is of one.
    pub fn event(&self, topic: Topic, device: Option<&DeviceId>, text: &Utf8Bytes) {
        self.each(topic, device, |member| member.event(text));
    }

    /// Something of which only the latest counts, by `key`.
    pub fn latest(
        &self,
        topic: Topic,
        device: Option<&DeviceId>,
        (what, key): (What, i64),
        text: &Utf8Bytes,
    ) {
        self.each(topic, device, |member| member.latest((what, key), Latest::Text(text.clone())));
    }

    /// Tells something to all in the room, whatever they may see.
    pub fn tell(&self, topic: Topic, tell: impl Fn(&Mailbox)) {
        self.each(topic, None, tell);
    }

    /// Whether anybody is in the room, so that it is worth making a message.
    pub fn has_members(&self, topic: Topic) -> bool {
        self.members.locked().get(&topic).is_some_and(|members| !members.is_empty())
    }

    fn each(&self, topic: Topic, device: Option<&DeviceId>, deliver: impl Fn(&Mailbox)) {
        for member in self.members.locked().get(&topic).into_iter().flatten() {
            if device.is_none_or(|device| member.may_see(device)) {
                deliver(member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_of_the_table_has_its_name_and_no_other_is_one() {
        for (pattern, needs) in ROOMS {
            let name = pattern.replace("{id}", "ems_001");
            let room = Room::named(&name).unwrap();
            assert_eq!((room.to_string(), room.needs()), (name, *needs));
        }
        for name in ["", "device", "device/", "device/No Good", "Devices", "uwb/1"] {
            assert_eq!(Room::named(name), None, "{name}");
        }
    }
}
