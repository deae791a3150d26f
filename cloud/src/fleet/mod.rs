//! The devices as they are now: who is connected, what each said last, who watches.

mod claims;
pub mod device;
pub mod frame;
mod late;
pub mod link;
pub mod overview;
pub mod presence;
mod row;
pub mod spark;
pub mod subscriber;
mod vitals;
pub mod watcher;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ems_protocol::DeviceId;
use tracing::{error, info, warn};

use crate::auth::token::TokenHash;
use crate::rooms::Hub;
use crate::store::devices::DeviceRow;
use crate::store::history::is_damage;
use crate::store::samples::StoredSample;
use crate::store::{Store, StoreError, devices, facts, groups, samples};
use crate::sync::Locked;
use device::{Device, Registered};
use overview::Overview;

/// How often the registry is looked at for changes that the command line made.
const WATCH: Duration = Duration::from_millis(500);

/// Devices that were heard of within this time are expected back together, ms.
const LATELY_MS: i64 = 10 * 60 * 1000;

/// All registered devices.
pub struct Fleet {
    store: Store,
    hub: Arc<Hub>,
    known: Mutex<Known>,
    overview: Arc<Overview>,
}

#[derive(Default)]
struct Known {
    revision: Option<i64>,
    devices: HashMap<DeviceId, Arc<Device>>,
}

impl Fleet {
    /// Reads the registry.
    pub async fn open(store: Store, hub: Arc<Hub>) -> Result<Self, StoreError> {
        let overview = Arc::new(Overview::new(hub.clone()));
        let fleet = Self { store, hub, known: Mutex::default(), overview };
        fleet.refresh().await?;
        Ok(fleet)
    }

    /// The device of that name, also one that the command line registered a moment ago.
    pub async fn find(&self, id: &DeviceId) -> Option<Arc<Device>> {
        if let Some(device) = self.get(id) {
            return Some(device);
        }
        self.refresh_or_warn().await;
        self.get(id)
    }

    /// The device of that key in the store.
    pub fn by_key(&self, key: i64) -> Option<Arc<Device>> {
        self.known.locked().devices.values().find(|device| device.key == key).cloned()
    }

    /// Devices that were all there not long ago: connected, or heard of within `LATELY_MS` before the last one that was.
    /// After a start that is what the store remembers.
    pub fn active(&self) -> usize {
        let heard: Vec<i64> = self.known.locked().devices.values().filter_map(|d| d.last_heard()).collect();
        let newest = heard.iter().max().copied().unwrap_or_default();
        heard.into_iter().filter(|heard| newest - heard <= LATELY_MS).count()
    }

    /// The device of that name, as far as is known at this moment.
    pub fn get(&self, id: &DeviceId) -> Option<Arc<Device>> {
        self.known.locked().devices.get(id).cloned()
    }

    /// All devices by name.
    pub async fn all(&self) -> Vec<Arc<Device>> {
        self.refresh_or_warn().await;
        let mut all: Vec<_> = self.known.locked().devices.values().cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// All devices that are known at this moment, in no order.
    pub fn present(&self) -> Vec<Arc<Device>> {
        self.known.locked().devices.values().cloned().collect()
    }

    /// Brings the rows of the room `fleet` up to date for somebody who joins it.
    pub async fn bring_up_to_date(&self) {
        self.refresh_or_warn().await;
        if !self.hub.has_members(crate::rooms::Topic::Fleet) {
            let (overview, devices) = (self.overview.clone(), self.present());
            // A task of its own: rows that were taken and not published would be lost with the one who joins.
            let look = tokio::spawn(async move { overview.look(&devices, true).await });
            // A panic of it has been reported by the panic hook.
            let _ = look.await;
        }
    }

    /// The device whose current token this is. Before anybody is turned away the registry is read again: a device
    /// may connect in the moment after the command line registered it.
    pub async fn authenticate(&self, id: Option<&DeviceId>, presented: &TokenHash) -> Option<Arc<Device>> {
        if let Some(device) = self.matching(id, presented) {
            return Some(device);
        }
        self.refresh_or_warn().await;
        self.matching(id, presented)
    }

    fn matching(&self, id: Option<&DeviceId>, presented: &TokenHash) -> Option<Arc<Device>> {
        let device = id.and_then(|id| self.get(id));
        // Compared also for unknown devices, so that the time tells nothing.
        let nothing = TokenHash::from_bytes([0; 32]);
        let (now, next) = device.as_ref().map_or((nothing, None), |device| device.tokens());
        // Both, always: the time tells nothing.
        let matches =
            presented.matches(&now) | (presented.matches(&next.unwrap_or(nothing)) & next.is_some());
        device.filter(|device| matches && device.is_enabled())
    }

    /// As [`Self::refresh`]; a failure is logged.
    pub async fn refresh_or_warn(&self) {
        if let Err(error) = self.refresh().await {
            warn!(%error, "the registry of devices could not be read");
        }
    }

    /// Takes over what changed in the registry: connections with void tokens are closed.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let known = self.known.locked().revision;
        // Mostly nothing has changed, and thousands of keys need not be gathered.
        if known.is_some() && self.store.read(devices::revision).await.map(Some)? == known {
            return Ok(());
        }
        let loaded: HashSet<i64> = self.known.locked().devices.values().map(|device| device.key).collect();
        let Some((revision, rows)) = self.store.read(move |db| read_registry(db, known, &loaded)).await?
        else {
            return Ok(());
        };
        self.known.locked().apply(revision, rows, &self.hub);
        Ok(())
    }

    /// Looks once a second who has fallen silent, and tells the room `fleet` what has changed.
    pub async fn keep_overview(&self) {
        // Reading the curves of thousands of devices takes a while, and nobody waits for it.
        tokio::join!(self.fill_sparks(), self.look_each_second());
    }

    async fn fill_sparks(&self) {
        if let Err(error) = overview::fill_sparks(&self.store, &self.present()).await {
            warn!(%error, "the curves of the last minutes could not be read");
        }
    }

    async fn look_each_second(&self) {
        let mut tick = tokio::time::interval(overview::TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.overview.look(&self.present(), self.hub.has_members(crate::rooms::Topic::Fleet)).await;
        }
    }

    /// Follows the registry for as long as the server runs.
    pub async fn keep_watch(&self) {
        let mut tick = tokio::time::interval(WATCH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.refresh().await {
                warn!(%error, "the registry of devices could not be read");
                // Once in a while is enough to say so.
                tokio::time::sleep(WATCH * 20).await;
            }
        }
    }
}

/// The registry, unless it is still at revision `known`; the last sample only of devices that are not `loaded`.
fn read_registry(
    db: &rusqlite::Connection,
    known: Option<i64>,
    loaded: &HashSet<i64>,
) -> rusqlite::Result<Option<(i64, Vec<Registered>)>> {
    let revision = devices::revision(db)?;
    if known == Some(revision) {
        return Ok(None);
    }
    let mut rows = Vec::new();
    let mut groups = groups::by_device(db)?;
    for row in devices::list(db)? {
        let groups = groups.remove(&row.id).unwrap_or_default();
        let (latest, facts) = if loaded.contains(&row.key) {
            (None, None)
        } else {
            (latest(db, &row)?, facts::find(db, row.key)?)
        };
        rows.push(Registered { row, groups, facts, latest });
    }
    Ok(Some((revision, rows)))
}

/// The last sample of a device. One that the disk has damaged is no reason not to serve the others.
fn latest(db: &rusqlite::Connection, row: &DeviceRow) -> rusqlite::Result<Option<StoredSample>> {
    let latest = samples::latest(db, row.key, &row.id);
    if let Err(error) = &latest
        && is_damage(error)
    {
        error!(device_id = %row.id, %error, "the last sample of a device cannot be read");
        return Ok(None);
    }
    latest
}

impl Known {
    fn apply(&mut self, revision: i64, rows: Vec<Registered>, hub: &Arc<Hub>) {
        if self.revision.is_some_and(|current| revision < current) {
            return;
        }
        let first = self.revision.replace(revision).is_none();
        let mut gone = std::mem::take(&mut self.devices);
        for registered in rows {
            // A device that was removed and registered again is another one: its key differs.
            let old = gone.remove(&registered.row.id);
            let device = match old {
                Some(old) if old.key == registered.row.key => {
                    old.update(&registered.row, registered.groups);
                    old
                }
                old => {
                    old.inspect(|old| old.remove());
                    let new = Arc::new(Device::new(registered, hub.clone()));
                    if !first {
                        new.introduce();
                    }
                    new
                }
            };
            self.devices.insert(device.id.clone(), device);
        }
        for device in gone.values() {
            info!(device_id = %device.id, "device removed");
            device.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use ems_protocol::{Telemetry, Timestamp};

    use super::*;
    use crate::sealer::{Policy, Sealer};
    use crate::store::Arrival;

    #[tokio::test]
    async fn a_start_reads_no_block_of_silent_devices_and_what_is_damaged_of_one_holds_up_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("ems.db"), Arc::default()).unwrap();
        let id = |device: i64| -> DeviceId { format!("ems_{device:03}").parse().unwrap() };
        for device in 1..=50 {
            let (name, at) = (id(device), 1_769_997_600_000 + device);
            let mut sample = Telemetry::new(name.clone(), Timestamp::from_millis(at));
            (sample.boot_id, sample.seq) = (Some("boot".into()), Some(7));
            let insert =
                "INSERT INTO devices (key, device_id, token_hash, created_at) VALUES (?, ?, zeroblob(32), 0)";
            store.write(move |db| db.execute(insert, (device, name.as_str()))).await.unwrap();
            let arrival = Arrival { device, received_at: at, samples: vec![sample] };
            store.write_samples(arrival, |stored| assert_eq!(stored.unwrap().new, 1)).await;
        }
        // What was queued before it is stored.
        store.probe().await.unwrap();
        Sealer::without_rests(store.clone(), Arc::default(), Policy::default()).pass().await.unwrap();
        // Whoever read a block now would find nothing.
        let damage = "UPDATE blocks SET samples = x'00'";
        assert_eq!(store.write(move |db| db.execute(damage, [])).await.unwrap(), 50);
        let damage = "UPDATE last_samples SET sample = x'00' WHERE device = 13";
        assert_eq!(store.write(move |db| db.execute(damage, [])).await.unwrap(), 1);
        let fleet = Fleet::open(store.clone(), Arc::default()).await.unwrap();
        for device in 1..=50 {
            let known = fleet.get(&id(device)).unwrap().snapshot().latest.is_some();
            assert_eq!(known, device != 13, "device {device}");
        }
        store.stop().await;
    }
}
