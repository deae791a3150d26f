//! `ems-cloud serve`.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::thread::available_parallelism;
use std::time::Duration;

use axum::http::Uri;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Failure, say};
use crate::auth::sessions::Lifetimes;
use crate::data_dir::DataDir;
use crate::heap;
use crate::http::proxy::Proxies;
use crate::limits::Maxima;
use crate::moderation::Moderation;
use crate::sealer::Policy;
use crate::server::{Config, Server, StartError};
use crate::store::history::retention::Keep;
use crate::webhooks::reach::Reach;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port for TLS; may be repeated, port 0 takes a free one
    #[arg(
        long,
        env = "EMS_CLOUD_LISTEN",
        value_delimiter = ',',
        value_name = "ADDR:PORT",
        value_parser = address,
        default_value = "0.0.0.0:8443"
    )]
    listen: Vec<SocketAddr>,
    /// Loopback address and port without TLS, for a browser or a proxy on this machine; may be repeated
    #[arg(long, env = "EMS_CLOUD_LISTEN_PLAIN", value_delimiter = ',', value_name = "ADDR:PORT", value_parser = address)]
    listen_plain: Vec<SocketAddr>,
    /// Origin besides the server's own whose pages may use the session cookie, as `https://host[:port]`; may be repeated
    #[arg(long, env = "EMS_CLOUD_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,
    /// Address or network of a reverse proxy whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; may be repeated
    #[arg(long, env = "EMS_CLOUD_TRUST_PROXY", value_delimiter = ',', value_name = "ADDR[/BITS]", value_parser = network)]
    trust_proxy: Vec<IpNet>,
    /// Network that webhooks may reach besides the public internet, such as 192.168.1.0/24; may be repeated
    #[arg(long, env = "EMS_CLOUD_WEBHOOK_ALLOW", value_delimiter = ',', value_name = "ADDR[/BITS]", value_parser = network)]
    webhook_allow: Vec<IpNet>,
    /// How long an access token is good for, in seconds
    #[arg(long, env = "EMS_CLOUD_ACCESS_LIFETIME", value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    access_lifetime: u64,
    /// How long a session lives without a refresh, in seconds
    #[arg(long, env = "EMS_CLOUD_SESSION_LIFETIME", value_name = "SECONDS", default_value_t = 43_200, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    session_lifetime: u64,
    /// The most connections of all kinds
    #[arg(long, env = "EMS_CLOUD_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 50_000, value_parser = some)]
    max_connections: usize,
    /// The most WebSockets of one user
    #[arg(long, env = "EMS_CLOUD_MAX_PER_USER", value_name = "COUNT", default_value_t = 100, value_parser = some)]
    max_per_user: usize,
    /// The most WebSockets of users from one address
    #[arg(long, env = "EMS_CLOUD_MAX_PER_ADDRESS", value_name = "COUNT", default_value_t = 1_000, value_parser = some)]
    max_per_address: usize,
    /// The most connections from one address on which nothing has been asked yet
    #[arg(long, env = "EMS_CLOUD_MAX_SILENT", value_name = "COUNT", default_value_t = 1_000, value_parser = some)]
    max_silent: usize,
    /// The longest time over which open connections are closed when the server stops, in seconds
    #[arg(long, env = "EMS_CLOUD_DRAIN", value_name = "SECONDS", default_value_t = 10)]
    drain: u64,
    /// How long samples are kept, in days; 0 keeps them for ever
    #[arg(long, env = "EMS_CLOUD_KEEP_SAMPLES", value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(i64).range(0..=36_500))]
    keep_samples: i64,
    /// How long the roll-ups of minutes are kept, in days; 0 keeps them for ever
    #[arg(long, env = "EMS_CLOUD_KEEP_MINUTES", value_name = "DAYS", default_value_t = 1_825, value_parser = clap::value_parser!(i64).range(0..=36_500))]
    keep_minutes: i64,
    /// How long the roll-ups of hours are kept, in days; 0 keeps them for ever
    #[arg(long, env = "EMS_CLOUD_KEEP_HOURS", value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=36_500))]
    keep_hours: i64,
    /// How long events are kept, in days; 0 keeps them for ever
    #[arg(long, env = "EMS_CLOUD_KEEP_EVENTS", value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(i64).range(0..=36_500))]
    keep_events: i64,
    /// How long after the end of an hour its samples are packed, in seconds
    #[arg(long, env = "EMS_CLOUD_SEAL_AFTER", value_name = "SECONDS", default_value_t = 1_200, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seal_after: u64,
    /// How to log: text for people, or one JSON object a line
    #[arg(long, env = "EMS_CLOUD_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
    /// What to log, for example `info` or `ems_cloud=debug`
    #[arg(long, value_name = "FILTER", env = "LOG_LEVEL", default_value = "info")]
    log: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Serve {
    pub(super) fn run(self, data: DataDir) -> Result<(), Failure> {
        heap::settle();
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error| Failure::usage(format!("--log {}: {error}", self.log)))?;
        let colours = std::io::stderr().is_terminal();
        let log =
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
        match self.log_format {
            Format::Text => log.init(),
            Format::Json => log.json().flatten_event(true).init(),
        }
        let history = self.history()?;
        let config = Config {
            data,
            tls: self.listen,
            plain: self.listen_plain,
            allowed_origins: self.allow_origin,
            lifetimes: Lifetimes {
                access: Duration::from_secs(self.access_lifetime),
                session: Duration::from_secs(self.session_lifetime),
            },
            maxima: Maxima {
                connections: self.max_connections,
                per_user: self.max_per_user,
                per_address: self.max_per_address,
                silent: self.max_silent,
                ..Maxima::default()
            },
            proxies: Proxies::new(self.trust_proxy),
            reach: Reach::new(self.webhook_allow),
            drain: Duration::from_secs(self.drain),
            history,
        };
        raise_descriptor_limit();
        // On one core the queues that threads steal from would only cost.
        let mut builder = match available_parallelism() {
            Ok(cores) if cores.get() == 1 => {
                let (mut one, moderation) =
                    (tokio::runtime::Builder::new_current_thread(), Moderation::default());
                one.on_thread_park(move || moderation.before_waiting());
                one
            }
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime =
            builder.enable_all().build().map_err(|error| Failure::other(format!("no threads: {error}")))?;
        runtime.block_on(serve(config))
    }
}

impl Serve {
    fn history(&self) -> Result<Policy, Failure> {
        const DAY_MS: i64 = 86_400_000;
        let kept = |days: i64| if days == 0 { i64::MAX } else { days };
        let (samples, minutes) = (kept(self.keep_samples), kept(self.keep_minutes));
        if samples > minutes || minutes > kept(self.keep_hours) {
            return Err(Failure::usage(
                "samples are kept no longer than roll-ups of minutes, and these no longer than those of hours: \
                 raise --keep-minutes or --keep-hours, or lower --keep-samples",
            ));
        }
        let limit = |days: i64| (days != 0).then(|| days * DAY_MS);
        Ok(Policy {
            seal_after: Duration::from_secs(self.seal_after),
            keep: Keep {
                samples: limit(self.keep_samples),
                minutes: limit(self.keep_minutes),
                hours: limit(self.keep_hours),
                events: limit(self.keep_events),
            },
        })
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an address (no name) and a port, such as 0.0.0.0:8443, 127.0.0.1:8080 or [::]:8443"
            .to_owned()
    })
}

/// A limit: none at all would be a server for nobody.
fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("with 0 nobody gets in: expected 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("expected a whole number, 1 or more".to_owned()),
    }
}

/// As browsers send it, to be compared with what they send.
fn origin(text: &str) -> Result<String, String> {
    let uri = text.parse::<Uri>().ok();
    let sound = uri.is_some_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        matches!(scheme, "http" | "https")
            && !text.contains('@')
            && uri.authority().is_some_and(|host| text.eq_ignore_ascii_case(&format!("{scheme}://{host}")))
    });
    if sound {
        Ok(text.to_owned())
    } else {
        Err("expected https://host or https://host:port and nothing after it".into())
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| address())
        .map_err(|_| "expected an address or a network such as 10.0.0.0/8".to_owned())
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::other)?;
    let server = Server::bind(config).await.map_err(|error| match error {
        StartError::NotLoopback(_) => Failure::usage(error),
        // systemd tries again, unlike after a mistake in the configuration.
        _ if error.may_pass() => Failure::other(error),
        _ => Failure::config(error),
    })?;
    for (address, tls) in server.addresses() {
        say(format_args!("listening {} {address}", if tls { "tls" } else { "http" }))?;
    }
    server
        .run(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
    Ok(())
}

/// Each connection is a descriptor, and the usual limit of 1024 is for programs of the last century.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Refused: then it stays as it was, and accepting says so when it is reached.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
