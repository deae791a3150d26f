//! What the disk has damaged, said once.

use std::collections::HashSet;
use std::sync::Mutex;

use ems_protocol::Timestamp;
use tracing::error;

use crate::fleet::device::Device;
use crate::store::history::hour;
use crate::store::history::query::DamagedHour;
use crate::sync::Locked;

/// How many hours are remembered; those beyond are said each time.
const MAX_SAID: usize = 10_000;

/// The hours that the log has been told of since the start.
#[derive(Default)]
pub struct Damage(Mutex<HashSet<(i64, i64)>>);

impl Damage {
    /// Puts into the log what it does not have yet.
    pub fn tell(&self, device: &Device, hours: &[DamagedHour]) {
        if hours.is_empty() {
            return;
        }
        let mut said = self.0.locked();
        for DamagedHour { hour, reason } in hours {
            let known = said.contains(&(device.key, *hour));
            if !known && said.len() < MAX_SAID {
                said.insert((device.key, *hour));
            }
            if !known {
                let since = Timestamp::from_millis(hour::start_of(*hour));
                error!(device_id = %device.id, hour = %since, reason, "an hour of the history is damaged: its plot has a gap there");
            }
        }
    }
}
