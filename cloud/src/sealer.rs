//! Seals hours that are over and removes what is too old, in the background: small steps with rests between them, so
//! that live samples never wait for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ems_protocol::Timestamp;
use tokio::time::sleep;
use tracing::{debug, error, warn};

use crate::clock;
use crate::metrics::Metrics;
use crate::store::history::hour;
use crate::store::history::last;
use crate::store::history::retention::{self, Keep};
use crate::store::history::sealing::{self, DeviceHour, Plan};
use crate::store::{Store, StoreError};

/// Hours of a device that are sealed before the next one has its turn.
const TURN: usize = 8;
/// After each step the sealer rests four times as long as the step took; of a longer step than usual as long. With
/// thousands of devices it has to be done with an hour's rows within the next.
const REST: u32 = 4;
const USUAL_REST: Duration = Duration::from_millis(25);
const SHORTEST_REST: Duration = Duration::from_millis(10);
/// How often hours are looked for that are over.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// An hour that cannot be sealed is not looked at again so soon.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How many of these are remembered.
const MAX_ASIDE: usize = 10_000;

/// What becomes of history.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long after the end of an hour, and after the last sample for it, its samples are sealed.
    pub seal_after: Duration,
    /// How long it is kept.
    pub keep: Keep,
}

impl Default for Policy {
    fn default() -> Self {
        Self { seal_after: Duration::from_secs(1_200), keep: Keep::default() }
    }
}

/// Looks after the history for as long as the server runs.
pub async fn keep_watch(store: Store, metrics: Arc<Metrics>, policy: Policy) {
    let pause = (policy.seal_after / 2).clamp(SHORTEST_REST * 10, LONGEST_PAUSE);
    let mut sealer = Sealer { store, metrics, policy, aside: HashMap::new(), rests: true, last_kept: false };
    loop {
        sleep(pause).await;
        // A database in trouble must not be tried by those who can wait.
        if sealer.store.trouble().is_some() {
            continue;
        }
        if let Err(error) = sealer.pass().await {
            warn!(%error, "the history could not be sealed; it is tried again");
            sleep(LONGEST_PAUSE).await;
        }
    }
}

/// Does what there is to do.
pub struct Sealer {
    store: Store,
    metrics: Arc<Metrics>,
    policy: Policy,
    /// Hours that are too large or damaged, and since when that is known.
    aside: HashMap<DeviceHour, Instant>,
    rests: bool,
    /// Whether the last sample of each block that was there at the start is kept beside it.
    last_kept: bool,
}

impl Sealer {
    /// One for a database that nobody else uses.
    pub fn without_rests(store: Store, metrics: Arc<Metrics>, policy: Policy) -> Self {
        Self { store, metrics, policy, aside: HashMap::new(), rests: false, last_kept: false }
    }

    /// Everything that there is to do now.
    pub async fn pass(&mut self) -> Result<(), StoreError> {
        let sealed = self.seal_all().await;
        // What is too old goes whatever has become of the new.
        self.retain().await.and(sealed)
    }

    async fn seal_all(&mut self) -> Result<(), StoreError> {
        self.aside.retain(|_, since| since.elapsed() < PATIENCE);
        for hour in self.store.read(sealing::unfinished).await? {
            let cleared = self.clear(hour).await;
            self.set_aside_if_rejected(hour, cleared).await?;
        }
        if !std::mem::replace(&mut self.last_kept, true) {
            self.keep_last().await?;
        }
        let quiet = self.quiet();
        // The devices take turns: one with years in its backlog must not hold up the others.
        let mut devices = self.store.read(sealing::devices).await?;
        while !devices.is_empty() {
            let mut unfinished = Vec::new();
            for (device, first) in devices {
                let due = self.store.read(move |db| sealing::due(db, device, first, quiet, TURN)).await?;
                if let Some(last) = due.last().filter(|_| due.len() == TURN) {
                    unfinished.push((device, last.hour + 1));
                }
                for hour in due {
                    if !self.aside.contains_key(&hour) {
                        let sealed = self.seal(hour).await;
                        self.set_aside_if_rejected(hour, sealed).await?;
                    }
                }
            }
            devices = unfinished;
            if !devices.is_empty() {
                self.retain().await?;
            }
        }
        Ok(())
    }

    /// Keeps the last samples of blocks that have none beside them, so that the next start finds them at once.
    async fn keep_last(&self) -> Result<(), StoreError> {
        for hour in self.store.read(last::missing).await? {
            match self.store.read(move |db| last::of_block(db, hour)).await {
                Ok(Some(packed)) => self.step(move |db| last::note(db, hour, &packed)).await?,
                Ok(None) => {}
                Err(error @ StoreError::Rejected { .. }) => {
                    error!(device = hour.device, %error, "the last packed sample of a device cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn seal(&mut self, hour: DeviceHour) -> Result<(), StoreError> {
        let quiet = self.quiet();
        match self.store.read(move |db| sealing::prepare(db, hour, quiet)).await? {
            Plan::Wait => Ok(()),
            Plan::Clear => self.clear(hour).await,
            Plan::Seal(sealing) => {
                let samples = sealing.samples;
                self.step(move |db| sealing::seal(db, &sealing)).await?;
                debug!(device = hour.device, hour = hour.hour, samples, "an hour is sealed");
                self.metrics.sealed();
                self.clear(hour).await
            }
            Plan::Leave => {
                debug!(device = hour.device, hour = hour.hour, "an hour is too large to be sealed");
                self.set_aside(hour).await
            }
        }
    }

    /// What the database does not take of one hour, because the disk has damaged it, is no reason to leave the others.
    async fn set_aside_if_rejected(
        &mut self,
        hour: DeviceHour,
        result: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match result {
            Err(error @ StoreError::Rejected { .. }) => {
                let since = Timestamp::from_millis(hour::start_of(hour.hour));
                error!(device = hour.device, hour = %since, %error, "an hour cannot be packed; its samples stay as rows");
                self.metrics.not_sealed();
                self.set_aside(hour).await
            }
            other => other,
        }
    }

    /// Leaves an hour as it is for a while. Its rows are removed when they are too old.
    async fn set_aside(&mut self, hour: DeviceHour) -> Result<(), StoreError> {
        if self.aside.len() < MAX_ASIDE {
            self.aside.insert(hour, Instant::now());
        }
        let (keep, now) = (self.policy.keep, clock::now().millis());
        while self.step(move |db| retention::remove_rows(db, hour, &keep, now)).await? > 0 {}
        Ok(())
    }

    async fn clear(&self, hour: DeviceHour) -> Result<(), StoreError> {
        while !self.step(move |db| sealing::clear(db, hour)).await? {}
        Ok(())
    }

    async fn retain(&self) -> Result<(), StoreError> {
        let (keep, now) = (self.policy.keep, clock::now().millis());
        while self.store.read(move |db| retention::is_due(db, &keep, now)).await? {
            self.step(move |db| retention::remove(db, &keep, now)).await?;
        }
        Ok(())
    }

    /// One write, and a rest.
    async fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let result = self.store.write(work).await;
        if self.rests {
            let took = start.elapsed();
            sleep((took * REST).min(took.max(USUAL_REST)).max(SHORTEST_REST)).await;
        }
        result
    }

    /// What came before this has settled, ms since 1970.
    fn quiet(&self) -> i64 {
        let settle = i64::try_from(self.policy.seal_after.as_millis()).unwrap_or(i64::MAX);
        clock::now().millis().saturating_sub(settle)
    }
}

#[cfg(test)]
mod tests {
    use ems_protocol::Telemetry;

    use super::*;
    use crate::store::Arrival;

    /// 2026-02-02T02:00:00Z.
    const START: i64 = 1_769_997_600_000;

    async fn insert(store: &Store, device: i64, seqs: std::ops::Range<u64>) {
        let sample = |seq: u64| {
            let at = Timestamp::from_millis(START + seq.cast_signed() * 60_000);
            let mut sample = Telemetry::new("ems_001".parse().unwrap(), at);
            (sample.boot_id, sample.seq) = (Some(format!("boot-{device}")), Some(seq));
            sample
        };
        let samples = seqs.map(sample).collect();
        let arrival = Arrival { device, received_at: START + 40 * 3_600_000, samples };
        store.write_samples(arrival, |stored| assert!(stored.unwrap().new > 0)).await;
        store.probe().await.unwrap();
    }

    async fn count(store: &Store, query: &'static str) -> i64 {
        store.read(move |db| db.query_row(query, [], |row| row.get(0))).await.unwrap()
    }

    #[tokio::test]
    async fn an_hour_that_is_damaged_holds_up_no_other_device_and_no_retention() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::default());
        let store = Store::open(&dir.path().join("ems.db"), metrics.clone()).unwrap();
        let devices = "INSERT INTO devices (key, device_id, token_hash, created_at) VALUES \
            (1, 'ems_001', zeroblob(32), 0), (2, 'ems_002', zeroblob(32), 0)";
        store.write(move |db| db.execute(devices, [])).await.unwrap();
        let policy = Policy { seal_after: Duration::from_secs(60), keep: Keep::default() };
        let mut sealer = Sealer::without_rests(store.clone(), metrics.clone(), policy);
        insert(&store, 1, 0..59).await;
        sealer.pass().await.unwrap();
        let damage = "UPDATE blocks SET samples = x'01ffffffffffffffffff01'";
        assert_eq!(store.write(move |db| db.execute(damage, [])).await.unwrap(), 1);
        // A late sample for that hour, more hours than the device has in one turn, and another device.
        insert(&store, 1, 59..60 * 20).await;
        insert(&store, 2, 0..60).await;
        sealer.pass().await.unwrap();
        assert_eq!(count(&store, "SELECT count(*) FROM samples").await, 1, "the late one waits as a row");
        assert_eq!(count(&store, "SELECT count(*) FROM blocks").await, 21);
        assert!(metrics.render().contains("ems_damaged_hours_total 1"), "{}", metrics.render());

        sealer.policy.keep.samples = Some(1);
        sealer.pass().await.unwrap();
        assert_eq!(count(&store, "SELECT count(*) FROM blocks").await, 0);
        store.stop().await;
    }
}
