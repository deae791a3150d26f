//! The beat: one sample each interval, on the monotonic clock, without drift.

mod report;

use std::rc::Rc;
use std::time::{Duration, Instant};

use ems_protocol::Mode;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::info;

use crate::anchor::Anchor;
use crate::battery::protection::{Beyond, Limits, Verdict};
use crate::battery::{Battery, Measured, Pack, Setup, StepResponse};
use crate::beat::Beat;
use crate::clock::TimeSource;
use crate::events::Reporter;
use crate::health::Progress;
use crate::sample::{Outcome, Sample, Totals};
use crate::sensor::{BUS_OUT_OF_RANGE, Reading, SHUNT_OUT_OF_RANGE, SensorError, SensorHandle};
use crate::status::{SensorFault, SensorState};
use crate::store::Sequence;
use report::SensorReport;

/// The part of the interval in which a reading must be there: the rest is for everything else.
const DEADLINE: f64 = 0.8;
/// A pause longer than this many intervals between two readings is a gap in what the estimator knows.
const GAP_INTERVALS: u32 = 3;

/// Where samples come from.
pub struct Sampler {
    /// The sensor, on its own thread.
    pub sensor: SensorHandle,
    /// The time between two samples.
    pub interval: Duration,
    /// What keeps it.
    pub beats: fn(Duration) -> Beat,
    /// What the label on the pack says.
    pub pack: Pack,
    /// What is known of the battery.
    pub battery: Battery,
    /// Keeps that over restarts and power cuts.
    pub anchor: Anchor,
    /// Numbers for the samples.
    pub sequence: Sequence,
    /// The clock that stamps the samples.
    pub time: Rc<dyn TimeSource>,
    /// Tells health that the beat goes on.
    pub progress: Progress,
    /// The latest sample, for health.
    pub latest: watch::Sender<Option<Sample>>,
    /// How the sensor is, for the status view.
    pub state: watch::Sender<SensorState>,
    /// The event record.
    pub reporter: Reporter,
    /// New settings; their sender is the reload.
    pub changes: mpsc::Receiver<Change>,
    /// Each asks for one sample more, between two beats.
    pub extra: mpsc::Receiver<()>,
    /// Each asks to leave ERROR, by a fresh reading.
    pub resets: mpsc::Receiver<Reset>,
    /// What the protection says, for the outputs; nothing before the first reading.
    pub verdict: watch::Sender<Option<Verdict>>,
    /// Who decides about the outputs.
    pub mode: watch::Receiver<Option<Mode>>,
}

/// One who asks to leave ERROR: what holds then, or why the battery could not be measured.
pub type Reset = oneshot::Sender<Result<Verdict, String>>;

/// What a new configuration means for the sampler.
#[derive(Debug)]
pub struct Change {
    /// Another sensor, or another wiring of the same.
    pub sensor: Option<SensorHandle>,
    /// The battery and its wiring, as far as the estimator is concerned.
    pub setup: Setup,
    /// What the battery is protected from.
    pub limits: Limits,
    /// The time between two samples.
    pub interval: Duration,
}

impl Sampler {
    /// Runs until `stop` is told to or the receiver of `samples` is gone.
    pub async fn run(mut self, samples: mpsc::Sender<Sample>, mut stop: watch::Receiver<bool>) {
        let mut beats = (self.beats)(self.interval);
        let mut estimated = Instant::now();
        let mut report = SensorReport::new(self.reporter.clone(), self.sensor.device().to_string());
        loop {
            let mut reset = None;
            tokio::select! {
                () = self.progress.through(beats.tick()) => {}
                Some(()) = self.extra.recv() => {}
                Some(asker) = self.resets.recv() => reset = Some(asker),
                Some(change) = self.changes.recv() => {
                    if self.take(change, &mut report) {
                        beats = (self.beats)(self.interval);
                    }
                    continue;
                }
                _ = stop.wait_for(|&stop| stop) => break,
            }
            self.progress.mark();
            let taken = self.time.boottime();
            let deadline = self.interval.mul_f64(DEADLINE);
            let reading = self.progress.through(self.sensor.read(deadline)).await;
            let trouble = reading.as_ref().err().map(ToString::to_string);
            let kind = reading.as_ref().err().map(SensorError::kind);
            let errno = reading.as_ref().err().and_then(SensorError::errno);
            let measured = reading.as_ref().ok().and_then(|r| Some((r.voltage, r.current?)));
            let outcome = self.judge(reading, &mut estimated);
            self.tell_verdict(reset, trouble.as_deref());
            self.anchor.sampled(&mut self.battery);
            // Not before the reading is there: a kill while it is awaited must not leave a hole in the numbers.
            let sample = Sample { seq: self.sequence.take(), taken, outcome };
            let now = tokio::time::Instant::now();
            self.state.send_modify(|state| {
                state.note(sample, trouble, now);
                state.fault = kind.map(|kind| SensorFault { kind: kind.to_owned(), errno });
                state.response.note(measured, &self.pack);
            });
            report.note(kind, &self.state.borrow(), now);
            self.latest.send_replace(Some(sample));
            if samples.send(sample).await.is_err() {
                break;
            }
        }
        self.anchor.stop(&self.battery);
    }

    /// Puts new settings in force; true if the beat is another one.
    fn take(&mut self, change: Change, report: &mut SensorReport) -> bool {
        // What was learnt of the old shunt says nothing of the new one.
        self.state.send_modify(|state| state.response = StepResponse::default());
        if let Some(sensor) = change.sensor {
            *report = SensorReport::new(self.reporter.clone(), sensor.device().to_string());
            self.sensor = sensor;
        }
        if let Err(error) = self.battery.reconfigure(change.setup, change.limits) {
            info!("{error}; the state of charge starts anew");
        }
        self.pack = change.setup.pack;
        std::mem::replace(&mut self.interval, change.interval) != change.interval
    }

    /// After a reading: what the outputs may do, and the answer to who wants to leave ERROR. A reading that failed
    /// or that no battery gives says nothing of one of which nothing is known yet.
    fn tell_verdict(&mut self, reset: Option<Reset>, trouble: Option<&str>) {
        let mut verdict = self.battery.verdict();
        if let Some(asker) = reset {
            let outcome = trouble.map_or_else(|| Ok(self.battery.reset_error()), |why| Err(why.to_owned()));
            verdict = *outcome.as_ref().unwrap_or(&verdict);
            // Gone: the daemon stops.
            let _ = asker.send(outcome);
        }
        self.verdict.send_if_modified(|last| {
            let is_new = *last != Some(verdict) && (last.is_some() || self.battery.has_judged());
            if is_new {
                *last = Some(verdict);
            }
            is_new
        });
    }

    fn judge(&mut self, reading: Result<Reading, SensorError>, estimated: &mut Instant) -> Outcome {
        let now = Instant::now();
        let elapsed = now - std::mem::replace(estimated, now);
        match reading {
            Ok(reading) => {
                let elapsed = if elapsed > self.interval * GAP_INTERVALS {
                    self.battery.gap(elapsed);
                    Duration::ZERO
                } else {
                    elapsed
                };
                let Reading { voltage, current, temperature, charge } = reading;
                let measured = Measured { voltage, current, temperature };
                let estimate = self.battery.update_counted(measured, charge, elapsed);
                let details = self.battery.details();
                let state = details.verdict.label(reading.current);
                let totals = Totals { mode: *self.mode.borrow(), ..Totals::from(details) };
                Outcome::Measured { reading, estimate, state, totals: Some(totals) }
            }
            Err(error) => {
                if matches!(error, SensorError::ConfigurationLost { .. }) {
                    self.battery.lose_count();
                }
                match error.kind() {
                    SHUNT_OUT_OF_RANGE => self.battery.beyond_range(Beyond::Current, elapsed),
                    BUS_OUT_OF_RANGE => self.battery.beyond_range(Beyond::Voltage, elapsed),
                    _ => self.battery.gap(elapsed),
                };
                Outcome::Gap(error.flag())
            }
        }
    }
}
