//! A new configuration for the running daemon: read, judged as a whole, and applied part by part, or refused.
//!
//! Each stage takes its part between two of its rounds and goes on: the sampler keeps its beat, the uplink its backlog.

use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info};

use super::parts::{backlog_pace, dialer, keeping};
use crate::command::Allowed;
use crate::config::{self, Config, Secret};
use crate::health::Work;
use crate::journal::LogLevel;
use crate::status::Facts;
use crate::{sampler, sensor, uplink};

/// One who asks for a reload, and waits for what came of it: what changed, or why nothing did.
pub type Asker = oneshot::Sender<Result<String, String>>;

/// What it takes to change the stages.
pub(super) struct Reloader {
    /// The configuration that is in force.
    pub(super) config: Config,
    /// Where it was read from; nowhere if the environment has all of it.
    pub(super) path: Option<PathBuf>,
    /// The last wall time in ms since 1970 that is known to have been right at the start.
    pub(super) last_good: Option<i64>,
    /// The work of the sensor's thread.
    pub(super) bus: Work,
    /// To the sampler. Owned here; bound 1.
    pub(super) sampler: mpsc::Sender<sampler::Change>,
    /// To the uplink. Owned here; bound 1.
    pub(super) uplink: mpsc::Sender<uplink::Change>,
    /// For the status view.
    pub(super) facts: watch::Sender<Rc<Facts>>,
    /// How much is logged.
    pub(super) log: LogLevel,
    /// For the commands.
    pub(super) allowed: watch::Sender<Allowed>,
    /// The token before the one that the cloud has set.
    pub(super) spare: Option<Secret>,
}

/// What another identity, or other folders, would take: locks, numbers and samples of its own. Pins are let go of by
/// a stop alone, which makes them safe.
const NEED_RESTART: [&str; 7] =
    ["DEVICE_ID", "STATE_DIR", "RUNTIME_DIR", "OUTPUTS", "OUTPUT_MIN_ON", "OUTPUT_MIN_OFF", "UWB_SERIAL"];

impl Reloader {
    /// Reads the configuration and puts it in force; the answer is for the one who asked.
    pub(super) async fn reload(&mut self) -> Result<String, String> {
        let outcome = self.try_reload().await;
        match &outcome {
            Ok(changes) => info!("configuration read anew: {changes}"),
            Err(why) => error!("the configuration stays as it was: {why}"),
        }
        outcome
    }

    async fn try_reload(&mut self) -> Result<String, String> {
        let loaded = config::load_on_trial(self.path.as_deref(), |key| std::env::var_os(key))
            .map_err(|mistakes| mistakes.to_string())?;
        let new = loaded.config;
        let changes = self.config.changes(&new);
        let fixed: Vec<&str> = NEED_RESTART.into_iter().filter(|key| changes.contains(key)).collect();
        if !fixed.is_empty() {
            return Err(format!(
                "{} cannot be changed while it runs: systemctl restart ems-edge",
                fixed.join(" and ")
            ));
        }
        // Everything that can be refused comes before anything is changed.
        let to_sampler = self.for_sampler(&new)?;
        let to_uplink = self.for_uplink(&new, loaded.spare_token.as_ref())?;
        let server = to_uplink.as_ref().map(|change| change.dialer.server().to_owned());
        if let Some(change) = to_sampler {
            self.sampler.send(change).await.map_err(|_| STOPS.to_owned())?;
        }
        if let Some(change) = to_uplink {
            self.uplink.send(change).await.map_err(|_| STOPS.to_owned())?;
            // There is room again once it has been taken: whoever asked then sees a link that is being made anew.
            drop(self.uplink.reserve().await);
        }
        self.log.set(new.log_level);
        self.allowed.send_replace(new.commands_allow.clone());
        self.spare.clone_from(&loaded.spare_token);
        self.facts.send_modify(|facts| {
            let facts = Rc::make_mut(facts);
            facts.sensor = new.wiring().device().to_string();
            if let Some(server) = server {
                facts.server = server;
            }
            facts.interval = new.sample_interval;
            facts.pack = new.pack();
        });
        self.config = new;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        if changes.is_empty() {
            Ok("nothing has changed".to_owned())
        } else {
            Ok(format!("{} changed", changes.join(", ")))
        }
    }

    fn for_sampler(&self, new: &Config) -> Result<Option<sampler::Change>, String> {
        let old = &self.config;
        let sensor = if old.wiring() == new.wiring() {
            None
        } else {
            let opened = sensor::open(&new.wiring(), self.bus.clone());
            Some(opened.map_err(|error| format!("the system refuses a thread for the sensor: {error}"))?)
        };
        let (setup, limits, interval) = (new.setup(), new.limits(), new.sample_interval);
        let same =
            sensor.is_none() && (old.setup(), old.limits(), old.sample_interval) == (setup, limits, interval);
        let change = sampler::Change { sensor, setup, limits, interval };
        Ok((!same).then_some(change))
    }

    fn for_uplink(&self, new: &Config, spare: Option<&Secret>) -> Result<Option<uplink::Change>, String> {
        let old = &self.config;
        let reached = |config: &Config| {
            (config.server_url.clone(), config.api_token.clone(), config.ca_file.clone(), config.backlog_rate)
        };
        // The server is told of the sensor when a connection begins.
        let sensor = new.wiring().device().to_string();
        let same = reached(old) == reached(new)
            && keeping(old) == keeping(new)
            && spare.is_none_or(|spare| self.spare.as_ref() == Some(spare))
            && old.wiring().device().to_string() == sensor;
        if same {
            return Ok(None);
        }
        let dialer =
            dialer(new, self.last_good).map_err(|error| error.to_string())?.with_spare(spare.cloned());
        Ok(Some(uplink::Change { dialer, sensor, backlog_pace: backlog_pace(new), keeping: keeping(new) }))
    }
}

/// The answer to a reload that came after the signal to stop.
const STOPS: &str = "ems-edge is stopping";
