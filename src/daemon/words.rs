//! What the log, the event record and systemd are told of a start and of a stop.

use ems_protocol::Severity;
use tracing::{info, warn};

use super::machine;
use crate::config::Config;
use crate::events::{self, Incident, Record, Reporter, code};
use crate::health;
use crate::sample::FIRMWARE_VERSION;
use crate::status::Facts;

/// `record` is that of earlier runs.
pub(super) fn tell_start(config: &Config, facts: &Facts, record: &Record, reporter: &Reporter) {
    if let Some(ending) = events::ending_of_last_run(record, &machine::kernel_boot_id()) {
        warn!(message_id = events::message_id(ending.code), ems_code = ending.code, "{}", ending.message);
        reporter.report(ending);
    }
    let words = format!(
        "ems-edge {FIRMWARE_VERSION} runs as {}: {}, a sample each {:?}, to {}",
        config.device_id, facts.sensor, config.sample_interval, config.server_url
    );
    let code = code::STARTED;
    info!(message_id = events::message_id(code), ems_code = code, ems_sensor = facts.sensor, "{words}");
    reporter.report(Incident::new(Severity::Info, code::STARTED, words));
}

pub(super) fn tell_stop(reporter: &Reporter) {
    info!(message_id = events::message_id(code::STOPPED), ems_code = code::STOPPED, "stopping");
    health::tell_stopping();
    reporter.report(Incident::new(Severity::Info, code::STOPPED, "told to stop"));
}
