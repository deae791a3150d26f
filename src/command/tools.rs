//! What the actions reach of the daemon.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use ems_protocol::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::daemon::Asker;
use crate::events::Reporter;
use crate::journal::LogRing;
use crate::outputs::Handle;
use crate::sample::{Identity, Sample};
use crate::sampler::Reset;
use crate::status::{LinkState, SensorState};

/// Handles to the stages. Each is the narrow way that the stage itself offers.
pub struct Tools {
    /// Who answers.
    pub identity: Identity,
    /// Labels answers and samples.
    pub clock: Rc<Clock>,
    /// The latest sample.
    pub sample: watch::Receiver<Option<Sample>>,
    /// How the sensor is.
    pub sensor: watch::Receiver<SensorState>,
    /// Asks the sampler for one sample more. Bound 1: one that is asked for already is everybody's.
    pub read_now: mpsc::Sender<()>,
    /// Asks the sampler to leave ERROR. Bound 1.
    pub resets: mpsc::Sender<Reset>,
    /// The outputs, or why there are none.
    pub outputs: Handle,
    /// How the link is.
    pub link: watch::Receiver<LinkState>,
    /// Asks for the configuration to be read anew.
    pub reloads: mpsc::Sender<Asker>,
    /// Tells the daemon to end in order; systemd starts it anew.
    pub stop: mpsc::Sender<()>,
    /// The file of the configuration; none if the environment has all of it.
    pub config: Option<PathBuf>,
    /// The folder of this identity on the card.
    pub state: PathBuf,
    /// `RUNTIME_DIR`, where the system looks for a wish to reboot.
    pub runtime_dir: PathBuf,
    /// The last log lines.
    pub log: LogRing,
    /// The event record.
    pub reporter: Reporter,
}

/// How long the stages may take to put a configuration in force.
const RELOAD_LIMIT: Duration = Duration::from_secs(30);

impl Tools {
    /// The time for an answer's label.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Has the configuration read anew and put in force: what changed, or why nothing did.
    pub(super) async fn reload(&self) -> Result<String, String> {
        const STOPS: &str = "ems-edge is stopping";
        let (asker, answer) = oneshot::channel();
        self.reloads.send(asker).await.map_err(|_| STOPS.to_owned())?;
        match timeout(RELOAD_LIMIT, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(STOPS.to_owned()),
            Err(_) => Err("the stages did not take the configuration in time".to_owned()),
        }
    }

    /// Whether a connection stands within this time.
    pub(super) async fn connects_within(&self, limit: Duration) -> bool {
        let mut link = self.link.clone();
        timeout(limit, link.wait_for(LinkState::is_connected)).await.is_ok_and(|waited| waited.is_ok())
    }
}
