//! The composition root: builds the parts, starts them, waits for the signal, stops them in order.

use std::fs;
use std::io;
use std::rc::Rc;

use tokio::runtime::LocalOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::battery::StateOfCharge;
use crate::clock::{Clock, SystemTime, TimeSource as _};
use crate::config::Config;
use crate::health::{Health, LinkState, Progress};
use crate::sample::{FIRMWARE_VERSION, Identity};
use crate::sampler::Sampler;
use crate::sensor;
use crate::store::{self, Folder, FolderError, Sequence};
use crate::uplink::{Context, Dialer, Proxy, TrustError, Uplink};

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another process has this identity.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The server cannot be trusted with these settings.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The environment names a proxy that cannot be used.
    #[error("{0}")]
    Proxy(String),
    /// The system refuses what every program gets.
    #[error("the system refuses {0}: {1}")]
    System(&'static str, io::Error),
}

/// Samples between the sampler and the uplink, which takes each one at once.
const SAMPLE_CHANNEL: usize = 16;
/// Unconfirmed samples kept in memory: an hour at 1 Hz.
const OUTBOX_CAPACITY: usize = 3600;

/// Runs until SIGTERM or SIGINT.
pub fn run(config: &Config) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // The resolver is all that blocks: one thread at a time, with a small stack.
        .max_blocking_threads(2)
        .thread_stack_size(256 * 1024)
        // Its tasks wake each other through a queue; a LocalSet would write to an eventfd each time.
        .build_local(LocalOptions::default())
        .map_err(|e| DaemonError::System("an event loop", e))?;
    runtime.block_on(serve(config))?;
    // The resolver may still be waiting for an answer: nobody waits for it.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(config: &Config) -> Result<(), DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| DaemonError::System("SIGTERM", e))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| DaemonError::System("SIGINT", e))?;

    let proxy = Proxy::for_host(&config.server_url.host(), |key| std::env::var(key).ok())
        .map_err(DaemonError::Proxy)?;
    let dialer = Dialer::new(
        &config.server_url,
        &config.device_id,
        config.api_token.clone(),
        config.ca_file.as_ref(),
        proxy,
    )?;
    let folder = claim(config)?;
    let sequence = sequence(config, folder.as_ref());
    let sensor = sensor::open(&config.wiring()).map_err(|e| DaemonError::System("a thread", e))?;
    let device = sensor.device().to_string();
    let identity = Identity { device_id: config.device_id.clone(), boot_id: sequence.boot_id().to_owned() };
    let (sample_sender, sample_watch) = watch::channel(None);
    let (link_sender, link_watch) = watch::channel(LinkState::default());
    let (stop, stopping) = watch::channel(false);
    let (samples, collected) = mpsc::channel(SAMPLE_CHANNEL);

    let health = Health {
        sampler: Progress::default(),
        uplink: Progress::default(),
        sample: sample_watch,
        link: link_watch,
        sample_interval: config.sample_interval,
    };
    let sampler = Sampler {
        sensor,
        interval: config.sample_interval,
        battery: StateOfCharge::new(config.pack()),
        pack: config.pack(),
        sequence,
        time: Rc::new(SystemTime),
        progress: health.sampler.clone(),
        latest: sample_sender,
    };
    let context = Context {
        identity,
        clock: Clock::new(SystemTime),
        sensor: device.clone(),
        hardware_model: hardware_model(),
        progress: health.uplink.clone(),
        link: link_sender,
    };
    info!(
        "ems-edge {FIRMWARE_VERSION} runs as {}: {device}, a sample each {:?}, to {}",
        config.device_id, config.sample_interval, config.server_url
    );
    let sampler = tokio::task::spawn_local(sampler.run(samples, stopping));
    let mut uplink = tokio::task::spawn_local(Uplink::new(context, dialer, OUTBOX_CAPACITY).run(collected));
    let health = tokio::task::spawn_local(health.run());

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        // The uplink ends by itself only after the sampler: neither does before the signal.
        _ = &mut uplink => {}
    }
    info!("stopping");
    health.abort();
    // Upstream first: the sampler's end tells the uplink to deliver what it has and to close.
    stop.send_replace(true);
    for stage in [sampler, uplink] {
        if !stage.is_finished() && stage.await.is_err() {
            warn!("a stage ended with a panic");
        }
    }
    Ok(())
}

/// The state folder, or nothing where the file system does not let us have one: the battery is still watched.
fn claim(config: &Config) -> Result<Option<Folder>, FolderError> {
    match Folder::claim(&config.state_dir, &config.device_id) {
        Ok(folder) => Ok(Some(folder)),
        Err(error @ FolderError::InUse { .. }) => Err(error),
        Err(error @ FolderError::Unusable { .. }) => {
            warn!("{error}; until then a second ems-edge with this identity goes unnoticed");
            Ok(None)
        }
    }
}

fn sequence(config: &Config, folder: Option<&Folder>) -> Sequence {
    let runtime = store::make(&config.runtime_dir, &config.device_id, "RUNTIME_DIR")
        .inspect_err(|error| warn!("{error}; until then a restart gives the samples a new boot id"))
        .ok();
    let state = folder.map(Folder::path);
    Sequence::open(runtime.as_deref(), state, &kernel_boot_id(), SystemTime.boottime())
}

fn kernel_boot_id() -> String {
    // Without /proc (a broken sandbox) the samples still need a name for their series.
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown-boot".to_owned(), |id| id.trim().to_owned())
}

/// The board's name from the device tree; `None` on a machine that has none.
fn hardware_model() -> Option<String> {
    let model = fs::read_to_string("/sys/firmware/devicetree/base/model").ok()?;
    Some(model.trim_end_matches(['\0', '\n']).to_owned())
}
