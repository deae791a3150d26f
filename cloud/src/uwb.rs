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

/// Tags of all devices.
const MAX_TAGS: usize = 10_000;
/// Tags that one device was the last to report. Those of one site are hundreds; more is a fault or an attack.
const MAX_OF_DEVICE: usize = 1_000;

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

    /// Takes over a position, unless a later one of the tag is known; whether it did. A known one that lies in the
    /// future is of a clock that ran ahead.
    fn update(
        &self,
        device: i64,
        received_at: Timestamp,
        location: &UwbLocation,
    ) -> Result<bool, ErrorMessage> {
        let too_many = |limit: usize, whose: &str| {
            let words = format!("at most {limit} UWB tags {whose} are kept");
            Err(ErrorMessage::new(ErrorCode::TooMany, words).with("limit", limit))
        };
        let mut tags = self.0.locked();
        let known = tags.get(&location.device_id);
        if known
            .is_some_and(|tag| location.timestamp < tag.last.timestamp && tag.last.timestamp <= received_at)
        {
            return Ok(false);
        }
        if known.is_none() && tags.len() >= MAX_TAGS {
            return too_many(MAX_TAGS, "of all devices");
        }
        if known.is_none_or(|tag| tag.device != device)
            && tags.values().filter(|tag| tag.device == device).count() >= MAX_OF_DEVICE
        {
            return too_many(MAX_OF_DEVICE, "of one device");
        }
        let tag = Tag { device, received_at, last: location.clone() };
        tags.insert(location.device_id.clone(), tag);
        Ok(true)
    }
}

/// A device reports positions: they are stored, and users are told. What is wrong with some of them, or that the
/// store does not take them.
pub async fn report(app: &App, device: &Arc<Device>, locations: Vec<UwbLocation>) -> Vec<ErrorMessage> {
    let now = clock::now();
    let (mut taken, mut errors) = (Vec::with_capacity(locations.len()), Vec::new());
    for location in locations {
        match location.check().and_then(|()| app.uwb.update(device.key, now, &location)) {
            Ok(is_last) => taken.push((location, is_last)),
            Err(error) => errors.push(error),
        }
    }
    if taken.is_empty() {
        return errors;
    }
    let key = device.key;
    // One transaction for all: each costs a synchronisation with the disk.
    let stored = app.store.write(move |db| {
        let mut last = Vec::with_capacity(taken.len());
        for (location, is_last) in taken {
            let tag = table::add(db, key, now.millis(), &location)?;
            last.extend(is_last.then_some((tag, location)));
        }
        Ok(last)
    });
    if let Ok(last) = stored.await {
        for (tag, location) in last {
            let message = encode(kind::UWB_LOCATION, &location).into();
            app.hub.latest(Topic::Uwb, Some(&device.id), (What::Location, tag), &message);
        }
    } else {
        let words = "the server cannot store this message at the moment: send it again later";
        errors.push(ErrorMessage::new(ErrorCode::Unavailable, words));
    }
    errors
}

/// The keys of the devices that a user may see; all without it.
pub async fn visible(app: &App, user: &User) -> Option<Vec<i64>> {
    user.devices.as_ref()?;
    let devices = app.fleet.all().await;
    Some(devices.iter().filter(|device| user.may_see(&device.id)).map(|device| device.key).collect())
}

/// A tag of a device that was removed is for those who see all.
fn may_see(app: &App, user: &User, tag: &Tag) -> bool {
    user.devices.is_none() || device_of(app, tag).is_some_and(|device| user.may_see(&device))
}

fn device_of(app: &App, tag: &Tag) -> Option<DeviceId> {
    app.fleet.by_key(tag.device).map(|device| device.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ems_protocol::Point;

    #[test]
    fn one_device_cannot_take_the_places_of_all_tags() {
        let uwb = Uwb(Mutex::default());
        let update = |device: i64, tag: String| {
            let location = Point { x: 0.0, y: 0.0, z: 0.0 };
            let timestamp = Timestamp::from_millis(1);
            let location = UwbLocation { device_id: tag, location, accuracy: None, quality: None, timestamp };
            uwb.update(device, Timestamp::from_millis(2), &location)
        };
        for n in 0..MAX_OF_DEVICE {
            assert!(update(1, format!("tag-{n}")).unwrap());
        }
        assert!(update(1, "another".into()).is_err());
        // Those it has go on, and other devices have places of their own.
        assert!(update(1, "tag-0".into()).unwrap());
        assert!(update(2, "another".into()).unwrap());
        assert!(update(1, "another".into()).is_err());
    }
}
