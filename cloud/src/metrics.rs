//! Counters for `/metrics`, in Prometheus' text format.

use std::fmt::{self, Write};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Which way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// A device that publishes.
    Device,
    /// A user who watches.
    Dashboard,
    /// A user in rooms.
    Events,
}

/// Labels of what is counted by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByReason {
    reason: &'static str,
}

/// Labels of what is counted by door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByDoor {
    door: Door,
}

/// Labels of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByOutcome {
    outcome: Outcome,
}

/// What became of a sample or a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Durable.
    Stored,
    /// Stored before.
    Duplicate,
    /// Against the contract.
    Refused,
    /// The store failed; the sample was not acknowledged.
    Unavailable,
}

// Prometheus' label values are lower case; the derived ones would be the variants' names.
impl EncodeLabelValue for Door {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Device => "device",
            Self::Dashboard => "dashboard",
            Self::Events => "events",
        })
    }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        })
    }
}

/// All counters of a server.
pub struct Metrics {
    registry: Registry,
    connections: Family<ByDoor, Gauge>,
    refused: Family<ByDoor, Counter>,
    // In the order of `Door` and `Outcome`.
    received: [Counter; 3],
    sent: [Counter; 3],
    received_bytes: [Counter; 3],
    sent_bytes: [Counter; 3],
    dropped: Family<ByReason, Counter>,
    acknowledgements: Histogram,
    skipped: Counter,
    denied: Counter,
    samples: [Counter; 4],
    commits: Histogram,
    failed_commits: Counter<u64, AtomicU64>,
    sealed: Counter,
    not_sealed: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ems"),
            connections: Family::default(),
            refused: Family::default(),
            received: Default::default(),
            sent: Default::default(),
            received_bytes: Default::default(),
            sent_bytes: Default::default(),
            dropped: Family::default(),
            acknowledgements: commits(),
            skipped: Counter::default(),
            denied: Counter::default(),
            samples: Default::default(),
            commits: commits(),
            failed_commits: Counter::default(),
            sealed: Counter::default(),
            not_sealed: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("connections", "Open WebSockets", self.connections.clone());
        r.register("refused_upgrades", "Upgrades answered with 403", self.refused.clone());
        let doors = [Door::Device, Door::Dashboard, Door::Events].map(|door| ByDoor { door });
        self.received = counters(r, "frames_received", "Text and binary frames from peers", doors);
        self.sent = counters(r, "frames_sent", "Text frames to peers", doors);
        self.received_bytes = counters(r, "received_bytes", "Bytes of text frames from peers", doors);
        self.sent_bytes = counters(r, "sent_bytes", "Bytes of text frames to peers", doors);
        r.register(
            "dropped",
            "Connections and messages that a limit has ended, by limit",
            self.dropped.clone(),
        );
        r.register_with_unit(
            "acknowledgement",
            "Time from a sample's arrival until it is durable",
            Unit::Seconds,
            self.acknowledgements.clone(),
        );
        r.register("telemetry_skipped", "Samples that a slow dashboard was not sent", self.skipped.clone());
        r.register("denied", "Messages and requests that a user's role does not allow", self.denied.clone());
        let outcomes = [Outcome::Stored, Outcome::Duplicate, Outcome::Refused, Outcome::Unavailable];
        let outcomes = outcomes.map(|outcome| ByOutcome { outcome });
        self.samples = counters(r, "samples", "Samples from devices by what became of them", outcomes);
        r.register_with_unit("commit", "Time of a commit", Unit::Seconds, self.commits.clone());
        r.register("failed_commits", "Commits that the database refused", self.failed_commits.clone());
        r.register("sealed_hours", "Hours of devices whose samples were packed", self.sealed.clone());
        r.register(
            "damaged_hours",
            "Times that an hour of a device could not be packed, because what is stored of it is damaged",
            self.not_sealed.clone(),
        );
    }

    /// A WebSocket opened; counts it until the guard is dropped.
    pub fn connected(&self, door: Door) -> Connected {
        let gauge = self.connections.get_or_create(&ByDoor { door }).clone();
        gauge.inc();
        Connected(gauge)
    }

    /// An upgrade was answered with 403.
    pub fn refused(&self, door: Door) {
        self.refused.get_or_create(&ByDoor { door }).inc();
    }

    /// A frame came in.
    pub fn received(&self, door: Door, bytes: usize) {
        of(&self.received, door).inc();
        of(&self.received_bytes, door).inc_by(bytes as u64);
    }

    /// A frame went out.
    pub fn sent(&self, door: Door, bytes: usize) {
        of(&self.sent, door).inc();
        of(&self.sent_bytes, door).inc_by(bytes as u64);
    }

    /// A limit has ended a connection or a message.
    pub fn dropped(&self, reason: &'static str) {
        self.dropped.get_or_create(&ByReason { reason }).inc();
    }

    /// Samples became durable so long after they arrived.
    pub fn acknowledged(&self, took: Duration) {
        self.acknowledgements.observe(took.as_secs_f64());
    }

    /// A user was not let do something.
    pub fn denied(&self) {
        self.denied.inc();
    }

    /// A dashboard missed samples.
    pub fn skipped(&self, count: u64) {
        self.skipped.inc_by(count);
    }

    /// Samples met their fate.
    pub fn samples(&self, outcome: Outcome, count: usize) {
        let [stored, duplicate, refused, unavailable] = &self.samples;
        let counter = match outcome {
            Outcome::Stored => stored,
            Outcome::Duplicate => duplicate,
            Outcome::Refused => refused,
            Outcome::Unavailable => unavailable,
        };
        counter.inc_by(count as u64);
    }

    /// A commit ended.
    pub fn committed(&self, took: Duration, succeeded: bool) {
        if succeeded {
            self.commits.observe(took.as_secs_f64());
        } else {
            self.failed_commits.inc();
        }
    }

    /// The samples of an hour were packed.
    pub fn sealed(&self) {
        self.sealed.inc();
    }

    /// What is stored of an hour is damaged.
    pub fn not_sealed(&self) {
        self.not_sealed.inc();
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

fn of(doors: &[Counter; 3], door: Door) -> &Counter {
    let [device, dashboard, events] = doors;
    match door {
        Door::Device => device,
        Door::Dashboard => dashboard,
        Door::Events => events,
    }
}

/// Registers a counter for each label and looks each up, once: a look-up for every frame costs as much as its parsing.
fn counters<L, const N: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    labels: [L; N],
) -> [Counter; N]
where
    L: EncodeLabelSet + std::hash::Hash + Eq + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Counter>::default();
    registry.register(name, help, family.clone());
    labels.map(|label| family.get_or_create_owned(&label))
}

/// 0.5 ms (a fast disk) to 8 s (a dying card).
fn commits() -> Histogram {
    Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(0.0005, 2.0, 15))
}

/// An open WebSocket in the gauge.
pub struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
