//! Where UWB tags are now. Each is of the device that reported it last: who may see that device may see the tag.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ems_protocol::{
    DeviceId, ErrorCode, ErrorMessage, Timestamp, UwbDevice, UwbDeviceList, UwbLocation, encode, kind,
};

use crate::app::App;
use crate::auth::sessions::User;
use crate::clock;
use crate::fleet::device::Device;
use crate::rooms::Topic;
use crate::rooms::mailbox::What;
use crate::store::uwb::{self as table};
use crate::store::{Store, StoreError};
use crate::sync::Locked;

/// Tags of one site are hundreds; more than this is a fault or an attack.
const MAX_TAGS: usize = 10_000;

/// All tags that were heard of.
pub struct Uwb(Mutex<BTreeMap<String, Tag>>);

/// A tag.
#[derive(Debug, Clone)]
pub struct Tag {
    /// The key in the store of the device that reported it.
    device: i64,
    /// When that was, by the server's clock.
    pub received_at: Timestamp,
    /// Where it is.
    pub last: UwbLocation,
}

impl Uwb {
    /// Reads where the tags were when the server stopped.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        let rows = store.read(table::tags).await?.into_iter();
        let tags = rows.take(MAX_TAGS).map(|row| {
            let tag = Tag { device: row.device, received_at: row.received_at, last: row.last };
            (tag.last.device_id.clone(), tag)
        });
        Ok(Self(Mutex::new(tags.collect())))
    }

    /// The tags that a user may see.
    pub fn list(&self, app: &App, user: &User) -> UwbDeviceList {
        let tags: Vec<_> = self.0.locked().values().cloned().collect();
        let devices = tags.into_iter().filter(|tag| may_see(app, user, tag)).map(|tag| UwbDevice {
            id: tag.last.device_id,
            last_seen: tag.received_at,
            location: tag.last.location,
        });
        UwbDeviceList { devices: devices.collect() }
    }

    /// The tag of that name, if the user may see it.
    pub fn find(&self, app: &App, user: &User, id: &str) -> Option<Tag> {
        let tag = self.0.locked().get(id).cloned();
        tag.filter(|tag| may_see(app, user, tag))
    }

    /// Takes over a position, unless a later one of the tag is known; false when there are too many tags.
    fn update(&self, device: i64, received_at: Timestamp, location: &UwbLocation) -> bool {
        let mut tags = self.0.locked();
        if tags.len() >= MAX_TAGS && !tags.contains_key(&location.device_id) {
            return false;
        }
        let tag = Tag { device, received_at, last: location.clone() };
        tags.insert(location.device_id.clone(), tag);
        true
    }
}

/// A device reports a position: users are told, and it is stored.
///
/// # Errors
/// What is wrong with it, or that the store does not take it.
pub async fn report(app: &App, device: &Arc<Device>, location: UwbLocation) -> Result<(), ErrorMessage> {
    location.check()?;
    let now = clock::now();
    if !app.uwb.update(device.key, now, &location) {
        let words = format!("at most {MAX_TAGS} UWB tags are kept");
        return Err(ErrorMessage::new(ErrorCode::TooMany, words).with("limit", MAX_TAGS));
    }
    let message = encode(kind::UWB_LOCATION, &location).into();
    let key = device.key;
    let stored = app.store.write(move |db| table::add(db, key, now.millis(), &location)).await;
    let tag = stored.map_err(|_| {
        let words = "the server cannot store this message at the moment: send it again later";
        ErrorMessage::new(ErrorCode::Unavailable, words)
    })?;
    app.hub.latest(Topic::Uwb, Some(&device.id), (What::Location, tag), &message);
    Ok(())
}

/// A tag of a device that was removed is for those who see all.
fn may_see(app: &App, user: &User, tag: &Tag) -> bool {
    user.devices.is_none() || device_of(app, tag).is_some_and(|device| user.may_see(&device))
}

fn device_of(app: &App, tag: &Tag) -> Option<DeviceId> {
    app.fleet.by_key(tag.device).map(|device| device.id.clone())
}
