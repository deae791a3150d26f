//! Looks at all devices once a second: who has fallen silent, and which rows of the room `fleet` are new.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ems_protocol::DeviceId;
use tokio::sync::Mutex;

use super::device::Device;
use super::spark::MINUTES;
use crate::clock;
use crate::rooms::board::NewRow;
use crate::rooms::{Hub, Topic};
use crate::store::{Store, StoreError, recent};

/// How often.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// Devices whose curves are read at once.
const CHUNK: usize = 50;
/// Devices that are looked at before other tasks have their turn.
const TURN: usize = 250;

/// The rows' maker.
pub(super) struct Overview {
    hub: Arc<Hub>,
    /// The devices that have a row. One look at a time.
    shown: Mutex<HashSet<DeviceId>>,
}

impl Overview {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, shown: Mutex::default() }
    }

    /// Notes who has fallen silent. New rows are made only if somebody is going to read them.
    pub(super) async fn look(&self, devices: &[Arc<Device>], wanted: bool) {
        let mut shown = self.shown.lock().await;
        let (now, at) = (Instant::now(), clock::now());
        let mut rows = Vec::new();
        for some in devices.chunks(TURN) {
            for device in some {
                device.check(now);
                if wanted && let Some(change) = device.take_row(at) {
                    rows.push(NewRow { id: device.id.clone(), change });
                }
            }
            tokio::task::yield_now().await;
        }
        if !wanted {
            return;
        }
        for row in &rows {
            if !shown.contains(&row.id) {
                shown.insert(row.id.clone());
            }
        }
        let mut removed = Vec::new();
        if shown.len() != devices.len() {
            let present: HashSet<&DeviceId> = devices.iter().map(|device| &device.id).collect();
            removed.extend(shown.iter().filter(|id| !present.contains(id)).cloned());
            shown.retain(|id| present.contains(id));
        }
        if let Some(tick) = self.hub.board().publish(rows, removed, at) {
            self.hub.tell(Topic::Fleet, |member| member.fleet_changed(&tick));
        }
    }
}

/// Fills the curves from the history, after a start.
pub(super) async fn fill_sparks(store: &Store, devices: &[Arc<Device>]) -> Result<(), StoreError> {
    let minute = super::spark::minute_of(clock::now().millis());
    for chunk in devices.chunks(CHUNK) {
        let keys: Vec<i64> = chunk.iter().map(|device| device.key).collect();
        let first = minute - i64::from(MINUTES);
        let found = store.read(move |db| {
            keys.iter().map(|key| recent::minutes(db, *key, first)).collect::<rusqlite::Result<Vec<_>>>()
        });
        for (device, minutes) in chunk.iter().zip(found.await?) {
            device.fill_spark(&minutes);
        }
    }
    Ok(())
}
