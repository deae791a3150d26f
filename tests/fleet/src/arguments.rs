//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Plays a fleet of devices and dashboards against a server on this machine.
#[derive(Debug, Parser)]
#[command(name = "ems-fleet", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(subcommand)]
    pub(crate) scenario: Scenario,
}

/// Whom to load, and how.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Address and port of the server: a loopback one
    #[arg(long, value_name = "ADDR:PORT", value_parser = loopback)]
    pub(crate) server: SocketAddr,
    /// Speak TLS and trust this CA
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The server's name in its certificate
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    pub(crate) name: String,
    /// Lines of a device's id, a blank and its token
    #[arg(long, value_name = "FILE")]
    pub(crate) devices: PathBuf,
    /// A file with the bearer that dashboards show
    #[arg(long, value_name = "FILE")]
    pub(crate) user: Option<PathBuf>,
    /// Where devices connect
    #[arg(long, value_name = "PATH", default_value = "/ws/device/{id}")]
    pub(crate) device_path: String,
    /// Where dashboards connect
    #[arg(long, value_name = "PATH", default_value = "/ws/dashboard/{id}")]
    pub(crate) dashboard_path: String,
    /// Devices speak ems.v1: hello, acknowledgements
    #[arg(long)]
    pub(crate) typed: bool,
    /// Loopback addresses to connect from, 127.0.0.1 and on: each has 28,000 ports
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=250))]
    pub(crate) sources: u8,
    /// Connections that are being opened at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    pub(crate) opening: usize,
    /// A process of the server, to be measured; may be repeated
    #[arg(long = "pid", value_name = "PID")]
    pub(crate) pids: Vec<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Devices that connect and say nothing: memory of each, CPU to accept one
    Idle(Idle),
    /// Every device sends, and each has a dashboard
    Ingest(Ingest),
    /// One device sends to many dashboards
    Fanout(Fanout),
    /// The server is restarted by somebody else: how long until all devices are back
    Reconnect(Reconnect),
    /// Dashboards that stop reading, and others that go on
    Slow(Slow),
    /// Connections that never say who they are, beside devices that work
    Strangers(Strangers),
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    /// Connections
    #[arg(long, default_value_t = 10_000)]
    pub(crate) connections: usize,
    /// Seconds to hold them
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Devices, each with one dashboard
    #[arg(long, default_value_t = 5_000)]
    pub(crate) devices: usize,
    /// Samples of each a second
    #[arg(long, default_value_t = 1.0)]
    pub(crate) rate: f64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 20.0)]
    pub(crate) seconds: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Fanout {
    /// Dashboards of the one device
    #[arg(long, default_value_t = 5_000)]
    pub(crate) subscribers: usize,
    /// Samples a second
    #[arg(long, default_value_t = 5.0)]
    pub(crate) rate: f64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Reconnect {
    /// Devices
    #[arg(long, default_value_t = 10_000)]
    pub(crate) devices: usize,
    /// Seconds to wait for all to be back
    #[arg(long, default_value_t = 60.0)]
    pub(crate) seconds: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Slow {
    /// Dashboards that go on
    #[arg(long, default_value_t = 1_000)]
    pub(crate) readers: usize,
    /// Dashboards that stop reading
    #[arg(long, default_value_t = 5)]
    pub(crate) stuck: usize,
    /// Devices that all of them watch, one each
    #[arg(long, default_value_t = 20)]
    pub(crate) devices: usize,
    /// Samples of each device a second
    #[arg(long, default_value_t = 1.0)]
    pub(crate) rate: f64,
    /// Bytes of padding in a sample, so that the stuck ones' kernels are soon full
    #[arg(long, default_value_t = 2_000)]
    pub(crate) padding: usize,
    /// Seconds without the stuck ones, first
    #[arg(long, default_value_t = 20.0)]
    pub(crate) before: f64,
    /// Seconds that they do not read
    #[arg(long, default_value_t = 60.0)]
    pub(crate) seconds: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Strangers {
    /// Connections that send a byte of a request now and then
    #[arg(long = "strangers", default_value_t = 2_000)]
    pub(crate) count: usize,
    /// Devices that work meanwhile
    #[arg(long, default_value_t = 100)]
    pub(crate) devices: usize,
    /// Seconds
    #[arg(long, default_value_t = 15.0)]
    pub(crate) seconds: f64,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "expected an address and a port".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("a load is for a server on this machine: 127.0.0.1 or ::1".to_owned())
    }
}
