//! Seals hours that are over and removes what is too old, in the background: small steps with rests between them, so
//! that live samples never wait for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::{debug, warn};

use crate::clock;
use crate::metrics::Metrics;
use crate::store::history::retention::{self, Keep};
use crate::store::history::sealing::{self, DeviceHour, Plan};
use crate::store::{Store, StoreError};

/// Hours that are looked for at once.
const LIST: usize = 256;
/// After each step the sealer rests four times as long as the step took; of a longer step than usual as long. With
/// thousands of devices it has to be done with an hour's rows within the next.
const REST: u32 = 4;
const USUAL_REST: Duration = Duration::from_millis(25);
const SHORTEST_REST: Duration = Duration::from_millis(10);
/// How often hours are looked for that are over.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// An hour that was too large is not looked at again so soon.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How many of these are remembered.
const MAX_LARGE: usize = 10_000;

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
    let mut sealer = Sealer { store, metrics, policy, large: HashMap::new(), rests: true };
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
    /// Hours that are too large, and since when that is known.
    large: HashMap<DeviceHour, Instant>,
    rests: bool,
}

impl Sealer {
    /// One for a database that nobody else uses.
    pub fn without_rests(store: Store, metrics: Arc<Metrics>, policy: Policy) -> Self {
        Self { store, metrics, policy, large: HashMap::new(), rests: false }
    }

    /// Everything that there is to do now.
    pub async fn pass(&mut self) -> Result<(), StoreError> {
        for hour in self.store.read(sealing::unfinished).await? {
            self.clear(hour).await?;
        }
        self.large.retain(|_, since| since.elapsed() < PATIENCE);
        let quiet = self.quiet();
        let mut after = None;
        loop {
            let due = self.store.read(move |db| sealing::due(db, quiet, after, LIST)).await?;
            let Some(last) = due.last() else { break };
            after = Some(*last);
            for hour in due {
                if !self.large.contains_key(&hour) {
                    self.seal(hour).await?;
                }
            }
        }
        self.retain().await
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
                if self.large.len() < MAX_LARGE {
                    self.large.insert(hour, Instant::now());
                }
                let (keep, now) = (self.policy.keep, clock::now().millis());
                while self.step(move |db| retention::remove_rows(db, hour, &keep, now)).await? > 0 {}
                Ok(())
            }
        }
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
