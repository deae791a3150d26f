//! What handlers of messages have in their hands: the user, the rooms, and a place for their answers.

use std::collections::HashMap;
use std::sync::Arc;

use ems_protocol::{ErrorCode, ErrorMessage, encode};
use serde::Serialize;

use super::recent::Recents;
use super::tracking::Tracking;
use crate::app::App;
use crate::auth::sessions::User;
use crate::fleet::device::Device;
use crate::rooms::mailbox::Mailbox;
use crate::rooms::{Hub, Room, Topic};
use crate::socket::Utf8Bytes;

/// Rooms that one connection may be in.
pub(super) const MAX_ROOMS: usize = 5_000;

/// One user's connection, without its socket.
pub struct Conversation {
    /// The server.
    pub app: Arc<App>,
    /// Who it is.
    pub user: User,
    /// Positions of tags that the user asked for.
    pub tracking: Tracking,
    /// The last minutes of devices that the user asked for.
    pub recents: Recents,
    mailbox: Arc<Mailbox>,
    membership: Membership,
    answers: Vec<Utf8Bytes>,
}

/// The rooms, left when it is dropped.
struct Membership {
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
    rooms: HashMap<Room, Option<Arc<Device>>>,
}

impl Conversation {
    pub(super) fn new(app: Arc<App>, user: User) -> Self {
        let mailbox = app.hub.mailbox(user.devices.clone());
        let membership = Membership { hub: app.hub.clone(), mailbox: mailbox.clone(), rooms: HashMap::new() };
        let recents = Recents::new(app.clone(), mailbox.clone(), &user.username);
        Self { app, user, tracking: Tracking::default(), recents, mailbox, membership, answers: Vec::new() }
    }

    /// Answers the message that is handled.
    pub fn answer<T: Serialize>(&mut self, kind: &str, payload: &T) {
        self.answers.push(encode(kind, payload).into());
    }

    /// What is to be sent.
    pub(super) fn take_answers(&mut self) -> Vec<Utf8Bytes> {
        std::mem::take(&mut self.answers)
    }

    pub(super) fn mailbox(&self) -> Arc<Mailbox> {
        self.mailbox.clone()
    }

    /// The device of that name, if the user may see it.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], also for devices that do not exist if the user does not see all;
    /// [`ErrorCode::NotFound`].
    pub async fn device(&self, id: &str) -> Result<Arc<Device>, ErrorMessage> {
        match self.known_device(id) {
            Err(error) if error.code == ErrorCode::NotFound => {
                self.app.fleet.refresh_or_warn().await;
                self.known_device(id)
            }
            known => known,
        }
    }

    /// As [`Self::device`], without a look at what the command line may have registered a moment ago.
    fn known_device(&self, id: &str) -> Result<Arc<Device>, ErrorMessage> {
        let parsed = id.parse().ok();
        if self.user.devices.is_some() && !parsed.as_ref().is_some_and(|id| self.user.may_see(id)) {
            return Err(forbidden("this user may not see this device"));
        }
        let device = parsed.and_then(|id| self.app.fleet.get(&id));
        let name: String = id.chars().take(64).collect();
        device.ok_or_else(|| {
            ErrorMessage::new(ErrorCode::NotFound, format!("there is no device {name:?}"))
                .with("device_id", name)
        })
    }

    /// Before rooms are joined: reads the registry if one of them is of a device that is not known. Once, however many.
    pub async fn meet(&self, rooms: &[String]) {
        let is_strange = |name: &String| match Room::named(name) {
            Some(Room::Device(id)) => self.user.may_see(&id) && self.app.fleet.get(&id).is_none(),
            _ => false,
        };
        if rooms.iter().any(is_strange) {
            self.app.fleet.refresh_or_warn().await;
        }
    }

    /// Joins a room; what is known already waits in the mailbox. See [`Self::meet`].
    ///
    /// # Errors
    /// Why the user may not.
    pub async fn join(&mut self, name: &str) -> Result<Room, ErrorMessage> {
        let room = known(name)?;
        if let Some(words) = room.refuses(&self.user) {
            return Err(forbidden(words).with("room", name));
        }
        match self.membership.rooms.get(&room) {
            // Another device may have its name now.
            Some(Some(device)) if device.is_removed() => self.exit(&room),
            Some(_) => return Ok(room),
            None => {}
        }
        if self.membership.rooms.len() >= MAX_ROOMS {
            let words = format!("a connection is in at most {MAX_ROOMS} rooms");
            return Err(ErrorMessage::new(ErrorCode::TooMany, words).with("limit", MAX_ROOMS));
        }
        let device = match &room {
            Room::Topic(_) => None,
            Room::Device(id) => Some(self.known_device(id.as_str())?),
        };
        if room == Room::Topic(Topic::Fleet) {
            self.app.fleet.bring_up_to_date().await;
        }
        self.membership.enter(room.clone(), device);
        match room {
            Room::Topic(Topic::Devices) => self.tell_presence().await,
            Room::Topic(Topic::Fleet) => self.mailbox.watch_fleet(),
            _ => {}
        }
        Ok(room)
    }

    /// The device of a room that was joined.
    pub fn device_in(&self, room: &Room) -> Option<Arc<Device>> {
        self.membership.rooms.get(room).cloned().flatten()
    }

    /// Leaves a room; it is no mistake not to be in it.
    ///
    /// # Errors
    /// There is no such room.
    pub fn leave(&mut self, name: &str) -> Result<Room, ErrorMessage> {
        let room = known(name)?;
        self.exit(&room);
        Ok(room)
    }

    fn exit(&mut self, room: &Room) {
        self.membership.exit(room);
        if let Room::Device(id) = room {
            self.recents.forget(id);
        }
    }

    async fn tell_presence(&self) {
        use crate::fleet::watcher::Watcher;
        for device in self.app.fleet.all().await {
            if self.user.may_see(&device.id) {
                self.mailbox.status(device.key, &device.status_message());
            }
        }
    }
}

impl Membership {
    fn enter(&mut self, room: Room, device: Option<Arc<Device>>) {
        if let Room::Topic(topic) = room {
            self.hub.join(topic, &self.mailbox);
        }
        if let Some(device) = &device {
            device.subscribe(self.mailbox.clone());
        }
        self.rooms.insert(room, device);
    }

    fn exit(&mut self, room: &Room) {
        let Some(device) = self.rooms.remove(room) else { return };
        if let Room::Topic(topic) = room {
            self.hub.leave(*topic, &self.mailbox);
        }
        if *room == Room::Topic(Topic::Fleet) {
            self.mailbox.leave_fleet();
        }
        if let Some(device) = device {
            device.unsubscribe(&self.mailbox);
            self.mailbox.forget(device.key);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        for room in self.rooms.keys().cloned().collect::<Vec<_>>() {
            self.exit(&room);
        }
    }
}

/// The user may not.
pub(super) fn forbidden(words: &str) -> ErrorMessage {
    ErrorMessage::new(ErrorCode::Forbidden, words)
}

fn known(name: &str) -> Result<Room, ErrorMessage> {
    Room::named(name).ok_or_else(|| {
        let name: String = name.chars().take(80).collect();
        let words = format!(
            "room: there is no room {name:?}; rooms are fleet, devices, device/ID, uwb, events, alarms"
        );
        ErrorMessage::new(ErrorCode::NotFound, words).with("field", "room")
    })
}
