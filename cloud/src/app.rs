//! What all connections of a running server share.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::limiter::LoginLimiter;
use crate::auth::sessions::Sessions;
use crate::commands::Secrets;
use crate::fleet::Fleet;
use crate::metrics::Metrics;
use crate::store::Store;

/// The parts of a running server.
pub struct App {
    /// The database.
    pub store: Store,
    /// The devices as they are now.
    pub fleet: Fleet,
    /// Tokens on their way to devices.
    pub secrets: Secrets,
    /// Users who are logged in.
    pub sessions: Arc<Sessions>,
    /// Slows down guessing.
    pub logins: LoginLimiter,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Origins besides our own whose pages may use a cookie, as `https://host[:port]`.
    pub allowed_origins: Vec<String>,
    /// When the server started.
    pub started: Instant,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// Tasks of open `WebSocket`s.
    pub tasks: TaskTracker,
}
