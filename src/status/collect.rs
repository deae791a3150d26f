//! Puts the snapshot together from what the stages say.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::problems;
use super::snapshot::{Backlog, LastError, LastReading, Link, Phase, Sensor, Snapshot, WallClock};
use super::stage::{BacklogState, LinkPhase, LinkState, Oldest, SensorState};
use crate::battery::Pack;
use crate::clock::{BootTime, Clock};
use crate::events::RecentError;
use crate::health::Pulse;
use crate::sample::{FIRMWARE_VERSION, Identity, Outcome, Sample};

/// What does not change while the configuration stays.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Who publishes.
    pub identity: Identity,
    /// What measures.
    pub sensor: String,
    /// The board, where it is known.
    pub board: Option<String>,
    /// The server, as host and port.
    pub server: String,
    /// Time between two samples.
    pub interval: Duration,
    /// What is measured.
    pub pack: Pack,
    /// When the daemon started.
    pub started: BootTime,
}

/// The stages' watched values.
pub struct Stages {
    /// What changes with the configuration alone; its sender is the reload.
    pub facts: watch::Receiver<Rc<Facts>>,
    /// Labels moments with the wall clock.
    pub clock: Rc<Clock>,
    /// From the sampler.
    pub sensor: watch::Receiver<SensorState>,
    /// From the uplink.
    pub link: watch::Receiver<LinkState>,
    /// From the uplink, of the store.
    pub backlog: watch::Receiver<BacklogState>,
    /// From the recorder.
    pub errors: watch::Receiver<VecDeque<RecentError>>,
    /// From the outputs: why one cannot be driven.
    pub outputs: watch::Receiver<Option<String>>,
    /// Whether the stages make progress.
    pub pulse: Pulse,
}

impl Stages {
    /// The state at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let (now, boottime) = (Instant::now(), self.clock.boottime());
        let facts = Rc::clone(&self.facts.borrow());
        let (wall, quality) = self.clock.label(boottime);
        let mut snapshot = Snapshot {
            device_id: facts.identity.device_id.to_string(),
            boot_id: facts.identity.boot_id.clone(),
            version: FIRMWARE_VERSION.to_owned(),
            board: facts.board.clone(),
            started: self.clock.label(facts.started).0,
            uptime_s: seconds_since(facts.started, boottime),
            problems: Vec::new(),
            sensor: self.sensor(&facts, now),
            reading: self.sensor.borrow().last_good.as_ref().and_then(|sample| reading(sample, boottime)),
            link: self.link(&facts, now),
            backlog: self.backlog(&facts, boottime),
            clock: WallClock { now: wall, quality },
            outputs: self.outputs.borrow().clone(),
            stalled: self.pulse.stalled().map(str::to_owned),
            errors: self.errors(boottime),
        };
        snapshot.problems = problems::of(&snapshot);
        snapshot
    }

    fn sensor(&self, facts: &Facts, now: Instant) -> Sensor {
        let state = self.sensor.borrow();
        let (recent_gaps, recent) = state.recent_gaps();
        Sensor {
            device: facts.sensor.clone(),
            answers: state.answers,
            since_s: now.saturating_duration_since(state.since).as_secs(),
            trouble: state.trouble.clone(),
            fault: state.fault.clone(),
            response: Some(state.response.judge(&facts.pack)),
            recent_gaps,
            recent,
            interval_s: facts.interval.as_secs_f64(),
        }
    }

    fn link(&self, facts: &Facts, now: Instant) -> Link {
        let state = self.link.borrow();
        let (phase, mode, next) = match state.phase {
            LinkPhase::Connected(mode) => (Phase::Connected, Some(mode), None),
            LinkPhase::Dialling => (Phase::Dialling, None, None),
            LinkPhase::Waiting(until) => (Phase::Waiting, None, Some(until)),
            LinkPhase::Refused(until) => (Phase::Refused, None, Some(until)),
        };
        Link {
            phase,
            since_s: now.saturating_duration_since(state.since).as_secs(),
            server: facts.server.clone(),
            mode,
            last_error: state.last_error.clone(),
            attempts: state.attempts,
            turned_away: state.turned_away.map(|(how, _)| how),
            turned_away_s: state.turned_away.map(|(_, at)| now.saturating_duration_since(at).as_secs()),
            accepted: state.accepted,
            next_attempt_s: next.map(|until| until.saturating_duration_since(now).as_secs()),
        }
    }

    fn backlog(&self, facts: &Facts, now: BootTime) -> Backlog {
        let state = self.backlog.borrow();
        let hours = |samples: u64| samples as f64 * facts.interval.as_secs_f64() / 3600.0;
        let wall = || self.clock.label(now).0;
        Backlog {
            memory: state.memory,
            card: state.card.as_ref().map(|card| card.samples),
            hours: hours(state.waiting()),
            oldest_age_s: state.oldest.map(|oldest| match oldest {
                Oldest::ThisBoot(at) => seconds_since(at, now),
                Oldest::Earlier(at) => u64::try_from((wall().millis() - at.millis()) / 1000).unwrap_or(0),
            }),
            unconfirmed_s: state.unconfirmed.map(|since| seconds_since(since, now)),
            room_hours: hours(state.room),
            dropped: state.dropped,
            card_trouble: state.card.as_ref().and_then(|card| card.trouble.clone()),
        }
    }

    fn errors(&self, now: BootTime) -> Vec<LastError> {
        let shown = |error: &RecentError| LastError {
            subject: error.subject.to_owned(),
            message: error.message.clone(),
            age_s: seconds_since(error.last, now),
            count: error.count,
        };
        self.errors.borrow().iter().map(shown).collect()
    }
}

fn reading(sample: &Sample, now: BootTime) -> Option<LastReading> {
    let Outcome::Measured { reading, estimate, state, .. } = sample.outcome else { return None };
    Some(LastReading {
        seq: sample.seq,
        age_s: now.0.saturating_sub(sample.taken.0) as f64 / 1000.0,
        voltage: reading.voltage,
        current: reading.current,
        power: reading.current.map(|amps| amps * reading.voltage),
        temperature: reading.temperature,
        soc: estimate.soc,
        soc_low: estimate.low,
        soc_high: estimate.high,
        state,
        battery: sample.outcome.battery(),
    })
}

fn seconds_since(at: BootTime, now: BootTime) -> u64 {
    now.0.saturating_sub(at.0) / 1000
}
