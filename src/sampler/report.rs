//! What the sampler tells of the sensor: to the log and to the event record.

use std::time::Duration;

use ems_protocol::Severity;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::events::{Incident, Reporter, code, message_id};
use crate::sample::Outcome;
use crate::status::SensorState;
use crate::trouble::{News, Trouble};
use crate::words::{count, span};

/// What has been told of the sensor.
pub(super) struct SensorReport {
    reporter: Reporter,
    device: String,
    trouble: Trouble,
    /// Samples without values since the last that had some, and since when.
    gaps: u64,
    lost: Option<Instant>,
    /// The last words about a failure, for summaries.
    last_error: String,
}

impl SensorReport {
    pub(super) fn new(reporter: Reporter, device: String) -> Self {
        Self { reporter, device, trouble: Trouble::default(), gaps: 0, lost: None, last_error: String::new() }
    }

    /// A sample was taken and `state` knows of it; `kind` is the sort of its failure.
    pub(super) fn note(&mut self, kind: Option<&'static str>, state: &SensorState, now: Instant) {
        if let (Some(kind), Some(words)) = (kind, &state.trouble) {
            self.failed(kind, words, state, now);
        } else {
            self.works(state, now);
        }
    }

    fn failed(&mut self, kind: &'static str, words: &str, state: &SensorState, now: Instant) {
        self.gaps += 1;
        let lost = now.saturating_duration_since(*self.lost.get_or_insert(now));
        words.clone_into(&mut self.last_error);
        self.reporter.error("sensor", words);
        match self.trouble.failed(kind, now) {
            Some(News::Failed | News::FailsOtherwise) => {
                let words = format!("{words}{}", also_failed(state));
                warn!(
                    message_id = message_id(code::SENSOR_LOST),
                    ems_code = code::SENSOR_LOST,
                    ems_sensor = self.device,
                    ems_kind = kind,
                    ems_errno = errno(state),
                    "{words}"
                );
                self.reporter.report(Incident::new(Severity::Error, code::SENSOR_LOST, words));
            }
            Some(News::Unsteady(_)) => self.unsteady(state),
            Some(_) => warn!(
                message_id = message_id(code::SENSOR_LOST),
                ems_code = code::SENSOR_LOST,
                ems_sensor = self.device,
                ems_kind = kind,
                ems_errno = errno(state),
                "{words}; no readings for {}, {}",
                span(lost),
                without_values(self.gaps)
            ),
            None => debug!("{words}"),
        }
    }

    fn works(&mut self, state: &SensorState, now: Instant) {
        match self.trouble.works(now) {
            Some(News::Works) if self.last_error.is_empty() => {
                info!("{} answers{}", self.device, volts(state));
            }
            Some(News::Works) => {
                let lost = self.lost.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
                let words = format!(
                    "{} answers again{} after {}, {}",
                    self.device,
                    volts(state),
                    span(lost),
                    without_values(self.gaps)
                );
                info!(
                    message_id = message_id(code::SENSOR_RECOVERED),
                    ems_code = code::SENSOR_RECOVERED,
                    ems_sensor = self.device,
                    "{words}"
                );
                let incident = Incident::new(Severity::Info, code::SENSOR_RECOVERED, words);
                self.reporter.report(incident.with("samples_without_values", self.gaps));
            }
            Some(News::Unsteady(_)) => self.unsteady(state),
            _ => {}
        }
        (self.gaps, self.lost) = (0, None);
    }

    fn unsteady(&self, state: &SensorState) {
        let (gaps, recent) = state.recent_gaps();
        let words = format!(
            "{} comes and goes, {gaps} of the last {recent} readings failed; the last trouble: {}",
            self.device, self.last_error
        );
        warn!(
            message_id = message_id(code::SENSOR_UNSTEADY),
            ems_code = code::SENSOR_UNSTEADY,
            ems_sensor = self.device,
            "{words}"
        );
        let incident = Incident::new(Severity::Warning, code::SENSOR_UNSTEADY, words);
        self.reporter.report(incident.with("failed", gaps).with("of", recent));
    }
}

/// What the kernel answered to the failed reading.
fn errno(state: &SensorState) -> Option<i32> {
    state.fault.as_ref()?.errno
}

/// The failures before this one, if there were some lately.
fn also_failed(state: &SensorState) -> String {
    match state.recent_gaps() {
        (gaps @ 2.., recent) => format!("; {gaps} of the last {recent} readings failed"),
        _ => String::new(),
    }
}

fn volts(state: &SensorState) -> String {
    match state.last_good.map(|sample| sample.outcome) {
        Some(Outcome::Measured { reading, .. }) => format!(" ({:.2} V)", reading.voltage),
        _ => String::new(),
    }
}

fn without_values(gaps: u64) -> String {
    format!("{} without values", count(gaps, "sample"))
}
