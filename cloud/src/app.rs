//! What all connections of a running server share.

use std::sync::Arc;
use std::time::Instant;

use ems_protocol::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::Refusals;
use crate::auth::limiter::LoginLimiter;
use crate::auth::sessions::Sessions;
use crate::commands::Secrets;
use crate::damage::Damage;
use crate::door::events::places::Places;
use crate::drain::Drain;
use crate::fleet::Fleet;
use crate::http::proxy::Proxies;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::retry::RetryWindow;
use crate::rooms::Hub;
use crate::store::Store;
use crate::uwb::Uwb;
use crate::webhooks::Client;

/// The parts of a running server.
pub struct App {
    /// The database.
    pub store: Store,
    /// The devices as they are now.
    pub fleet: Fleet,
    /// Who is in which room of the event door.
    pub hub: Arc<Hub>,
    /// Where UWB tags are.
    pub uwb: Uwb,
    /// Tokens on their way to devices.
    pub secrets: Secrets,
    /// Tells other servers what happens.
    pub webhooks: Arc<Client>,
    /// Users who are logged in.
    pub sessions: Arc<Sessions>,
    /// Slows down guessing.
    pub logins: LoginLimiter,
    /// Refusals that are still to be written down.
    pub refusals: Refusals,
    /// What the log was told of that the disk has damaged.
    pub damage: Damage,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Origins besides our own whose pages may use a cookie, as `https://host[:port]`.
    pub allowed_origins: Vec<String>,
    /// Reverse proxies that are believed.
    pub proxies: Proxies,
    /// When the server started.
    pub started: Instant,
    /// The same by the wall clock, for what happened before.
    pub started_at: Timestamp,
    /// How many devices' last minutes may be in memory, on their way to pages.
    pub recents: Places,
    /// How many connections there may be.
    pub limits: Limits,
    /// Tells open sockets when it is their turn to be closed.
    pub drain: Drain,
    /// How far devices spread their return.
    pub retry: Arc<RetryWindow>,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// Tasks of open `WebSocket`s.
    pub tasks: TaskTracker,
}
