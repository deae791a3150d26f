//! `ems-cloud serve`.

use std::io::IsTerminal;
use std::net::SocketAddr;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Failure, say};
use crate::data_dir::DataDir;
use crate::server::{Config, Server, StartError};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port for TLS; may be repeated, port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8443")]
    listen: Vec<SocketAddr>,
    /// Loopback address and port without TLS, for a browser or a proxy on this machine; may be repeated
    #[arg(long, value_name = "ADDR:PORT")]
    listen_plain: Vec<SocketAddr>,
    /// Origin besides the server's own whose pages may use the session cookie, as `https://host[:port]`; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// What to log, for example `info` or `ems_cloud=debug`
    #[arg(long, value_name = "FILTER", env = "LOG_LEVEL", default_value = "info")]
    log: String,
}

impl Serve {
    pub(super) fn run(self, data: DataDir) -> Result<(), Failure> {
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error| Failure::usage(format!("--log {}: {error}", self.log)))?;
        let colours = std::io::stderr().is_terminal();
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(colours)
            .init();
        let config =
            Config { data, tls: self.listen, plain: self.listen_plain, allowed_origins: self.allow_origin };
        raise_descriptor_limit();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::other(format!("no threads: {error}")))?;
        runtime.block_on(serve(config))
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::other)?;
    let server = Server::bind(config).await.map_err(|error| match error {
        StartError::NotLoopback(_) => Failure::usage(error),
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
