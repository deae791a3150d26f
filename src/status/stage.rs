//! How each stage says that it is: small values in `watch` channels, each with the stage as its only sender.

use ems_protocol::Timestamp;
use tokio::time::Instant;

use super::snapshot::{Dropped, Mode, SensorFault, TurnedAway};
use crate::battery::StepResponse;
use crate::clock::BootTime;
use crate::sample::Sample;

/// How the sensor is; sender: the sampler.
#[derive(Debug, Clone)]
pub struct SensorState {
    /// Whether the last reading succeeded; `None` before the first.
    pub answers: Option<bool>,
    /// Since when.
    pub since: Instant,
    /// Why the last reading failed.
    pub trouble: Option<String>,
    /// The sort of that failure.
    pub fault: Option<SensorFault>,
    /// How the voltage answers to the current.
    pub response: StepResponse,
    /// The last sample with a reading.
    pub last_good: Option<Sample>,
    /// The last readings, one bit each, the newest lowest: 1 = failed.
    history: u64,
    /// How many bits of it are readings.
    recent: u32,
}

/// Readings that [`SensorState::recent_gaps`] looks back on.
const RECENT: u32 = 60;

impl Default for SensorState {
    fn default() -> Self {
        Self {
            answers: None,
            since: Instant::now(),
            trouble: None,
            fault: None,
            response: StepResponse::default(),
            last_good: None,
            history: 0,
            recent: 0,
        }
    }
}

impl SensorState {
    /// A sample was taken at `now`; `trouble` says why it is without a reading.
    pub fn note(&mut self, sample: Sample, trouble: Option<String>, now: Instant) {
        let answers = trouble.is_none();
        if self.answers != Some(answers) {
            self.answers = Some(answers);
            self.since = now;
        }
        if answers {
            self.last_good = Some(sample);
        }
        self.trouble = trouble;
        self.history = self.history << 1 | u64::from(!answers);
        self.recent = (self.recent + 1).min(RECENT);
    }

    /// Failed readings among the last ones, and how many those are.
    pub fn recent_gaps(&self) -> (u32, u32) {
        ((self.history & ((1 << RECENT) - 1)).count_ones(), self.recent)
    }
}

/// How the link is; sender: the uplink.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkState {
    /// What it does.
    pub phase: LinkPhase,
    /// Since when it is connected, or not connected.
    pub since: Instant,
    /// Why the last attempt or connection failed.
    pub last_error: Option<String>,
    /// Attempts since the last connection.
    pub attempts: u32,
    /// How the server last turned this device away, and when; forgotten when a connection has held.
    pub turned_away: Option<(TurnedAway, Instant)>,
    /// Whether the server has taken this token since the start.
    pub accepted: bool,
    /// Whether the token that was tried last is the one before the cloud's replacement.
    pub with_spare: bool,
}

/// What the link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPhase {
    /// A connection stands.
    Connected(Mode),
    /// A connection is being made.
    Dialling,
    /// The next attempt comes at this time.
    Waiting(Instant),
    /// The server refuses this device; the next attempt comes at this time.
    Refused(Instant),
}

impl Default for LinkState {
    fn default() -> Self {
        Self {
            phase: LinkPhase::Dialling,
            since: Instant::now(),
            last_error: None,
            attempts: 0,
            turned_away: None,
            accepted: false,
            with_spare: false,
        }
    }
}

impl LinkState {
    /// Whether a connection stands.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, LinkPhase::Connected(_))
    }

    /// The link does something else from `now` on.
    pub fn turn(&mut self, phase: LinkPhase, now: Instant) {
        let was_connected = self.is_connected();
        self.phase = phase;
        if self.is_connected() != was_connected {
            self.since = now;
        }
        match phase {
            LinkPhase::Connected(_) => {
                self.attempts = 0;
                self.accepted = true;
                // A conflict is not over with the next connection: the other device may come back.
                self.turned_away = self.turned_away.filter(|(how, _)| how.is_conflict());
            }
            LinkPhase::Dialling => self.attempts = self.attempts.saturating_add(1),
            LinkPhase::Waiting(_) | LinkPhase::Refused(_) => {}
        }
    }
}

/// What waits; sender: the uplink, which owns the store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BacklogState {
    /// Samples in memory.
    pub memory: u64,
    /// Samples that still find room, in memory or, where it is used, on the card.
    pub room: u64,
    /// The oldest that waits.
    pub oldest: Option<Oldest>,
    /// Since when the server has confirmed nothing of what waits.
    pub unconfirmed: Option<BootTime>,
    /// Lost since the daemon started.
    pub dropped: Dropped,
    /// The card, where it is used.
    pub card: Option<CardState>,
}

/// The part of the backlog that is on the card.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardState {
    /// Samples.
    pub samples: u64,
    /// Why it cannot be used at the moment, and the remedy.
    pub trouble: Option<String>,
}

/// When the oldest waiting sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oldest {
    /// In this boot: its age is exact.
    ThisBoot(BootTime),
    /// In an earlier boot, of which only the wall clock is left.
    Earlier(Timestamp),
}

impl BacklogState {
    /// All samples that wait.
    pub fn waiting(&self) -> u64 {
        self.memory + self.card.as_ref().map_or(0, |card| card.samples)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::Outcome;

    #[test]
    fn the_last_sixty_readings_are_looked_back_on() {
        let sample = Sample { seq: 0, taken: BootTime(0), outcome: Outcome::Gap("SENSOR_LOST") };
        let (mut state, start) = (SensorState::default(), Instant::now());
        let mut note = |second: u64, trouble: bool| {
            state.note(sample, trouble.then(|| "gone".to_owned()), start + Duration::from_secs(second));
            state.recent_gaps()
        };
        assert_eq!(note(0, true), (1, 1));
        for second in 1..60 {
            note(second, second % 2 == 0);
        }
        assert_eq!(note(60, false), (29, 60));
        for second in 61..200 {
            note(second, true);
        }
        assert_eq!(note(200, true), (60, 60));
        assert_eq!((state.since, state.answers), (start + Duration::from_secs(61), Some(false)));
    }

    #[test]
    fn not_connected_counts_from_the_loss_and_not_from_the_last_attempt() {
        let (mut link, start) = (LinkState::default(), Instant::now());
        let at = |second: u64| start + Duration::from_secs(second);
        link.turn(LinkPhase::Connected(Mode::Plain), at(1));
        assert_eq!((link.since, link.attempts), (at(1), 0));
        link.turn(LinkPhase::Waiting(at(12)), at(10));
        link.turn(LinkPhase::Dialling, at(12));
        link.turn(LinkPhase::Refused(at(90)), at(13));
        link.turn(LinkPhase::Dialling, at(90));
        assert_eq!((link.since, link.attempts), (at(10), 2));
    }
}
