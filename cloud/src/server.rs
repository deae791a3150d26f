//! Opens everything, serves, and stops in order.

mod listener;
mod start_error;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::alarms;
use crate::app::App;
use crate::audit::Refusals;
use crate::auth::jwt::JwtKey;
use crate::auth::limiter::LoginLimiter;
use crate::auth::password::Verifier;
use crate::auth::sessions::{Lifetimes, Sessions};
use crate::clock;
use crate::commands::{self, Secrets};
use crate::damage::Damage;
use crate::data_dir::DataDir;
use crate::door::events::places::Places;
use crate::drain::Drain;
use crate::fleet::Fleet;
use crate::http;
use crate::http::proxy::Proxies;
use crate::limits::{Limits, Maxima};
use crate::metrics::Metrics;
use crate::retry;
use crate::rooms::Hub;
use crate::sealer::{self, Policy};
use crate::store::{Store, StoreError};
use crate::systemd;
use crate::tls::{self, Tls};
use crate::uwb::Uwb;
use crate::webhooks::reach::Reach;
use crate::webhooks::{self, Client};
use listener::Listener;
pub use start_error::StartError;
use start_error::is_full;

/// Requests and sockets may take so long to end after the order to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// The key that signs tokens, in bytes.
const JWT_KEY: usize = 32;
/// What helps where a file of the data folder was never made.
pub(crate) const INIT: &str = "`ems-cloud init` makes what is missing";
/// While the store is in trouble it is tried this often.
const PROBE: Duration = Duration::from_secs(1);

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct Config {
    /// Database, keys, certificates.
    pub data: DataDir,
    /// Addresses with TLS; port 0 takes a free one.
    pub tls: Vec<SocketAddr>,
    /// Addresses without TLS, loopback only.
    pub plain: Vec<SocketAddr>,
    /// Origins besides our own whose pages may use a cookie.
    pub allowed_origins: Vec<String>,
    /// How long the tokens of users are good for.
    pub lifetimes: Lifetimes,
    /// How many connections there may be.
    pub maxima: Maxima,
    /// Open sockets are closed over this time when the server stops, if they are many.
    pub drain: Duration,
    /// Reverse proxies that are believed.
    pub proxies: Proxies,
    /// The addresses that webhooks may reach.
    pub reach: Reach,
    /// When history is packed, and how long it is kept.
    pub history: Policy,
}

/// A server that has its addresses but does not serve yet.
pub struct Server {
    app: Arc<App>,
    listeners: Vec<Listener>,
    lock: File,
    drain: Duration,
    history: Policy,
}

impl Server {
    /// Opens the database and the addresses.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        if let Some(&address) = config.plain.iter().find(|address| !address.ip().is_loopback()) {
            return Err(StartError::NotLoopback(address));
        }
        let data = &config.data;
        let key = tls::read(&data.jwt_key())?;
        if key.len() < JWT_KEY {
            // Of a full disk or a copy that broke off. Whoever guesses it prolongs a session for ever.
            let reason = format!(
                "it has {} bytes instead of {JWT_KEY}: restore it from a backup, or delete it and run `ems-cloud \
                 init`, after which all users log in again",
                key.len()
            );
            return Err(StartError::Data { file: data.jwt_key().display().to_string(), reason });
        }
        let tls = if config.tls.is_empty() { None } else { Some(Arc::new(Tls::open(data)?)) };
        if !data.database().exists() {
            let file = data.database().display().to_string();
            return Err(StartError::Data { file, reason: format!("there is no database; {INIT}") });
        }
        let lock = data.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StartError::InUse { folder: data.path().display().to_string() },
            _ => StartError::Data { file: data.path().display().to_string(), reason: error.to_string() },
        })?;
        let metrics = Arc::new(Metrics::default());
        let store = Store::open(&data.database(), metrics.clone()).map_err(|error| match error {
            StoreError::Unavailable { .. } if is_full(data.path()) => {
                StartError::Full { folder: data.path().display().to_string() }
            }
            StoreError::Unavailable { .. } => {
                StartError::Database { file: data.database().display().to_string(), error }
            }
            error => StartError::Store(error),
        })?;
        let mut listeners = Vec::new();
        for &address in &config.tls {
            listeners.push(Listener::bind(address, tls.clone()).await?);
        }
        for &address in &config.plain {
            listeners.push(Listener::bind(address, None).await?);
        }
        let hub = Arc::new(Hub::default());
        let app = App {
            fleet: Fleet::open(store.clone(), hub.clone()).await?,
            uwb: Uwb::open(&store).await?,
            hub,
            sessions: Arc::new(Sessions::new(
                store.clone(),
                JwtKey::new(&key),
                Verifier::new()?,
                config.lifetimes,
            )),
            store,
            webhooks: Arc::new(Client::new(config.reach)),
            secrets: Secrets::default(),
            logins: LoginLimiter::default(),
            refusals: Refusals::default(),
            damage: Damage::default(),
            metrics,
            allowed_origins: config.allowed_origins,
            limits: Limits::new(&config.maxima),
            drain: Drain::default(),
            retry: Arc::default(),
            proxies: config.proxies,
            started: Instant::now(),
            started_at: clock::now(),
            recents: Places::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Ok(Self { app: Arc::new(app), listeners, lock, drain: config.drain, history: config.history })
    }

    /// The real addresses, and whether each speaks TLS.
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddr, bool)> + '_ {
        self.listeners.iter().map(|listener| (listener.address, listener.tls.is_some()))
    }

    /// Serves until `stop` is ready; then closes what is open (1012) and makes durable what is queued.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { app, listeners, lock, drain, history } = self;
        let router = http::router(app.clone());
        let serving = serving(&listeners);
        let watched = listeners.iter().find_map(|listener| listener.tls.clone());
        let requests = TaskTracker::new();
        let mut background = tokio::task::JoinSet::new();
        for listener in listeners {
            background.spawn(listener.accept(router.clone(), app.clone(), requests.clone()));
        }
        let (fleet, sessions, store) = (app.clone(), app.sessions.clone(), app.store.clone());
        background.spawn(async move { fleet.fleet.keep_watch().await });
        let overview = app.clone();
        background.spawn(async move { overview.fleet.keep_overview().await });
        background.spawn(async move { sessions.keep_watch().await });
        if let Some(tls) = watched {
            background.spawn(async move { tls.keep_watch().await });
        }
        background.spawn(systemd::keep_alive(store.clone()));
        background.spawn(probe_in_trouble(store));
        background.spawn(commands::keep_watch(app.clone()));
        background.spawn(alarms::keep_watch(app.clone()));
        background.spawn(retry::keep_watch(app.clone()));
        background.spawn(webhooks::keep_sending(app.clone(), app.webhooks.clone()));
        background.spawn(sealer::keep_watch(app.store.clone(), app.metrics.clone(), history));
        systemd::ready(&serving);
        stop.await;
        app.retry.expect(app.tasks.len());
        let window = app.drain.begin(app.tasks.len(), drain);
        info!(sockets = app.tasks.len(), seconds = window.as_secs_f64(), "stopping");
        systemd::stopping("closing connections");
        app.stop.cancel();
        background.shutdown().await;
        requests.close();
        app.tasks.close();
        let drained =
            timeout(DRAIN + window, async { tokio::join!(requests.wait(), app.tasks.wait()) }).await;
        if drained.is_err() {
            warn!("some connections did not end in time");
        }
        app.store.stop().await;
        drop(lock);
        info!("stopped");
    }
}

/// Where it serves, in a line.
fn serving(listeners: &[Listener]) -> String {
    let at = |listener: &Listener| {
        format!("{}://{}", if listener.tls.is_some() { "https" } else { "http" }, listener.address)
    };
    format!("serving at {}", listeners.iter().map(at).collect::<Vec<_>>().join(", "))
}

async fn probe_in_trouble(store: Store) {
    loop {
        sleep(PROBE).await;
        if store.trouble().is_some() {
            // The store notes and logs the outcome itself.
            let _ = store.probe().await;
        }
    }
}
