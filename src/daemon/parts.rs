//! Parts of the daemon, as the configuration wants them.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tracing::warn;

use super::{DaemonError, machine};
use crate::anchor::{Anchor, Card};
use crate::battery::Battery;
use crate::clock::Clock;
use crate::config::Config;
use crate::status::Door;
use crate::store::{self, Backlog, BootClock, Folder, Keeping, Limits, Numbers, Opened};
use crate::uplink::{Dialer, Proxy};

/// Unconfirmed samples kept in memory while the card cannot be written: an hour at 1 Hz.
const RING_CAPACITY: usize = 3600;

/// The samples that earlier runs have left, and everything else that the card remembers.
pub(super) fn backlog(
    config: &Config,
    clock: &Clock,
    state: Folder,
    runtime: Option<&Path>,
    boot_id: &str,
    numbers: Numbers,
) -> (Backlog, Opened) {
    let Keeping { limits, flush_interval, interval } = keeping(config);
    let settings = store::Settings {
        limits,
        flush_interval,
        capacity: RING_CAPACITY,
        interval,
        clock: BootClock::of(clock),
    };
    let (backlog, opened) = Backlog::open(Some(state), runtime, boot_id, numbers, settings);
    if let Some(last_good) = opened.last_good {
        clock.restore(last_good);
    }
    (backlog, opened)
}

/// The battery as far as it is known, and what keeps that.
pub(super) fn battery(
    config: &Config,
    clock: &Rc<Clock>,
    runtime: Option<&Path>,
    opened: &Opened,
) -> (Battery, Anchor) {
    let mut battery = Battery::new(config.setup(), config.limits());
    let card =
        opened.pen.clone().map(|pen| -> Card { Box::new(move |name, bytes| pen.remember(name, bytes)) });
    let mut anchor = Anchor::new(runtime, card, Rc::clone(clock), machine::kernel_boot_id());
    if !anchor.restore(&mut battery, opened.anchor.as_deref()) && opened.has_lost_anchor {
        warn!(
            "nothing of the battery was left on the damaged card: the state of charge and the totals of energy and \
             cycles start anew"
        );
    }
    (battery, anchor)
}

/// How much is kept, and where.
pub(super) fn keeping(config: &Config) -> Keeping {
    Keeping {
        limits: Limits { max_bytes: config.backlog_max_mb * 1024 * 1024, max_hours: config.backlog_hours },
        flush_interval: config.flush_interval,
        interval: config.sample_interval,
    }
}

/// The least time that each sample of the backlog takes on the wire.
pub(super) fn backlog_pace(config: &Config) -> Duration {
    Duration::from_secs(1) / config.backlog_rate
}

/// Whom to call. `last_good` is a wall time in ms since 1970 that has certainly passed.
pub(super) fn dialer(config: &Config, last_good: Option<i64>) -> Result<Dialer, DaemonError> {
    let (server, token) = (&config.server_url, config.api_token.clone());
    let proxy = Proxy::for_host(&server.host(), |key| std::env::var(key).ok()).map_err(DaemonError::Proxy)?;
    let last_good = last_good.and_then(|millis| u64::try_from(millis / 1000).ok()).unwrap_or(0);
    Ok(Dialer::new(server, &config.device_id, token, config.ca_file.as_ref(), proxy, last_good)?)
}

pub(super) fn status_door(folder: &Path) -> Option<Door> {
    Door::open(folder).inspect_err(|error| warn!("{error}; until then ems-edge status finds nobody")).ok()
}
