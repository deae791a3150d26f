//! The composition root: builds the parts, starts them, waits for the signal, stops them in order.

mod machine;
#[cfg(test)]
mod outage;
mod parts;
mod reload;
mod signals;
mod words;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_local};
use tracing::warn;

use crate::beat::Beat;
use crate::board::Board;
use crate::clock::{Clock, SystemTime, TimeSource as _};
use crate::command::{Channels, Dispatcher, Journal, Tools};
use crate::config::{Config, Secret};
use crate::events::{self, ClockWatch, Record, Recorder};
use crate::health::{Health, Progress, Pulse, Watchdog};
use crate::journal::Log;
use crate::outputs::{Outputs, Situation};
use crate::sample::Identity;
use crate::sampler::Sampler;
use crate::sensor;
use crate::status::{BacklogState, Facts, LinkState, SensorState, Server, Stages};
use crate::store::FolderError;
use crate::uplink::{Context, TrustError, Uplink};
use crate::uwb::{Positions, Source};

use parts::{backlog, backlog_pace, battery, dialer, status_door};
pub use reload::Asker;
use reload::Reloader;
use signals::Signals;
use words::{tell_start, tell_stop};

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
/// Events between the recorder and the uplink; the recorder keeps those that wait.
const EVENT_CHANNEL: usize = 1;

/// What a reload needs to know of the start.
#[derive(Debug)]
pub struct Origin {
    /// The file from which the configuration was read; none if the environment has all of it.
    pub path: Option<PathBuf>,
    /// How much is logged, and its last lines.
    pub log: Log,
    /// Where the cloud has replaced the token: the one before it.
    pub spare_token: Option<Secret>,
}

/// A change on its way to a stage; and who asks for one.
const CHANGE_CHANNEL: usize = 1;

/// Runs until SIGTERM or SIGINT.
pub fn run(config: &Config, origin: Origin) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // The resolver is all that blocks: one thread at a time, with a small stack.
        .max_blocking_threads(2)
        .thread_stack_size(256 * 1024)
        // Its tasks wake each other through a queue; a LocalSet would write to an eventfd each time.
        .build_local(LocalOptions::default())
        .map_err(|e| DaemonError::System("an event loop", e))?;
    runtime.block_on(serve(config, origin, Pulse::default(), Beat::of_kernel))?;
    // The resolver may still be waiting for an answer: nobody waits for it.
    runtime.shutdown_background();
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one list of parts, each made once and in order")]
async fn serve(
    config: &Config,
    origin: Origin,
    pulse: Pulse,
    beats: fn(Duration) -> Beat,
) -> Result<(), DaemonError> {
    let mut signals = Signals::catch()?;
    let folder = machine::claim(config)?;
    let state = folder.path().to_owned();
    let runtime = machine::runtime(config);
    let (mut sequence, numbers) = machine::sequence(runtime.as_deref(), &folder);
    let clock = Rc::new(Clock::new(SystemTime));
    let (reporter, reports) = events::channel(Rc::clone(&clock));
    let (verdict_sender, verdict) = watch::channel(None);
    let (mode_sender, mode) = watch::channel(None);
    let (trouble, output_trouble) = watch::channel(None);
    let heard = Progress::default();
    // Off before anything that may take its time.
    let (outputs, output_handle) = Outputs::open(
        &config.outputs,
        (config.output_min_on, config.output_min_off),
        runtime.as_deref(),
        Situation { verdict, heard: heard.clone(), mode: mode_sender, trouble, reporter: reporter.clone() },
    );
    let (kept, opened) = backlog(config, &clock, folder, runtime.as_deref(), sequence.boot_id(), numbers);
    if let Some(next) = kept.next_number() {
        sequence.begin_at_least_at(next);
    }
    let dialer = dialer(config, opened.last_good)?.with_spare(origin.spare_token.clone());
    let pulse = Pulse { store: opened.work.clone(), ..pulse };
    let sensor =
        sensor::open(&config.wiring(), pulse.bus.clone()).map_err(|e| DaemonError::System("a thread", e))?;
    let identity = Identity { device_id: config.device_id.clone(), boot_id: sequence.boot_id().to_owned() };
    let facts = Facts {
        identity: identity.clone(),
        sensor: sensor.device().to_string(),
        board: machine::hardware_model(),
        server: dialer.server().to_owned(),
        interval: config.sample_interval,
        pack: config.pack(),
        started: SystemTime.boottime(),
    };
    let (sample_sender, sample) = watch::channel(None);
    let (sensor_sender, sensor_state) = watch::channel(SensorState::default());
    let (link_sender, link) = watch::channel(LinkState::default());
    let (backlog_sender, backlog) = watch::channel(BacklogState::default());
    let (error_sender, errors) = watch::channel(VecDeque::new());
    let (stop, stopping) = watch::channel(false);
    let (samples, collected) = mpsc::channel(SAMPLE_CHANNEL);
    let (event_sender, outgoing) = mpsc::channel(EVENT_CHANNEL);

    let (sampler_changes, for_sampler) = mpsc::channel(CHANGE_CHANNEL);
    let (uplink_changes, for_uplink) = mpsc::channel(CHANGE_CHANNEL);
    let (reloads, mut asked) = mpsc::channel::<Asker>(CHANGE_CHANNEL);
    let (allowed_sender, allowed) = watch::channel(config.commands_allow.clone());
    let channels = Channels::new(allowed.clone(), output_handle.is_there());
    let (read_now, extra) = mpsc::channel(CHANGE_CHANNEL);
    let (resets, for_reset) = mpsc::channel(CHANGE_CHANNEL);
    let (stop_asked, mut stops) = mpsc::channel(CHANGE_CHANNEL);
    let journal =
        Journal::start(&state, runtime.as_deref()).map_err(|e| DaemonError::System("a thread", e))?;
    let (facts_sender, shown_facts) = watch::channel(Rc::new(facts.clone()));
    let record = Record::restore(opened.events.iter().map(String::as_str));
    tell_start(config, &facts, &record, &reporter);
    opened.notices.iter().for_each(|notice| notice.say(&reporter));
    let recorder = Recorder {
        record,
        pen: opened.pen.clone(),
        clock: Rc::clone(&clock),
        boot_id: identity.boot_id.clone(),
        outgoing: event_sender,
        errors: error_sender,
    };
    let (battery, anchor) = battery(config, &clock, runtime.as_deref(), &opened);
    let sampler = Sampler {
        sensor,
        interval: config.sample_interval,
        beats,
        pack: config.pack(),
        battery,
        anchor,
        sequence,
        time: Rc::new(SystemTime),
        progress: pulse.sampler.clone(),
        latest: sample_sender,
        state: sensor_sender,
        reporter: reporter.clone(),
        changes: for_sampler,
        extra,
        resets: for_reset,
        verdict: verdict_sender,
        mode,
    };
    let positions = Rc::new(Positions::default());
    let context = Context {
        identity: identity.clone(),
        clock: Rc::clone(&clock),
        sensor: facts.sensor.clone(),
        hardware_model: facts.board.clone(),
        progress: pulse.uplink.clone(),
        heard,
        link: link_sender,
        backlog: backlog_sender,
        backlog_pace: backlog_pace(config),
        commands: channels.commands,
        board: RefCell::new(Board::new(Path::new("/"))),
        positions: Rc::clone(&positions),
        remembered: Cell::new(None),
        reporter: reporter.clone(),
    };
    let uplink = Uplink::new(context, dialer, kept, outgoing, channels.outgoing);
    let tools = Tools {
        identity,
        clock: Rc::clone(&clock),
        sample: sample.clone(),
        sensor: sensor_state.clone(),
        read_now,
        resets,
        outputs: output_handle,
        link: link.clone(),
        reloads: reloads.clone(),
        stop: stop_asked,
        config: origin.path.clone(),
        state,
        runtime_dir: config.runtime_dir.clone(),
        log: origin.log.lines.clone(),
        reporter: reporter.clone(),
    };
    let dispatcher = Dispatcher { tools, journal, allowed, answers: channels.answers };
    let mut reloader = Reloader {
        config: config.clone(),
        path: origin.path,
        last_good: opened.last_good,
        bus: pulse.bus.clone(),
        sampler: sampler_changes,
        uplink: uplink_changes,
        facts: facts_sender,
        log: origin.log.level,
        allowed: allowed_sender,
        spare: origin.spare_token,
    };
    let uwb_clock = Rc::clone(&clock);
    let stages = Rc::new(Stages {
        facts: shown_facts,
        clock,
        sensor: sensor_state,
        link: link.clone(),
        backlog: backlog.clone(),
        errors,
        outputs: output_trouble,
        pulse: pulse.clone(),
    });
    let health = Health {
        pulse: pulse.clone(),
        sample,
        link,
        backlog,
        stages: Rc::clone(&stages),
        reporter: reporter.clone(),
    };
    let watchdog = Watchdog::start(pulse, runtime.clone(), || SystemTime.boottime())
        .map_err(|e| DaemonError::System("a thread", e))?;
    let watch = ClockWatch { time: Rc::new(SystemTime), reporter: reporter.clone() };
    let recorder = spawn_local(recorder.run(reports));
    let sampler = spawn_local(sampler.run(samples, stopping));
    let mut uplink = spawn_local(uplink.run(collected, for_uplink));
    // These end with this value.
    let mut helpers = JoinSet::new();
    helpers.spawn_local(health.run());
    helpers.spawn_local(watch.run());
    if let Some(path) = config.uwb_serial.clone() {
        helpers.spawn_local(Source { path, positions, clock: uwb_clock }.run());
    }
    helpers.spawn_local(dispatcher.run(channels.incoming));
    if let Some(outputs) = outputs {
        helpers.spawn_local(outputs.run());
    }
    if let Some(door) = runtime.as_deref().and_then(status_door) {
        let log = origin.log.lines;
        helpers.spawn_local(Server { stages, events: reporter.clone(), log, reloads }.run(door));
    }

    loop {
        tokio::select! {
            () = signals.stop() => break,
            Some(()) = stops.recv() => break,
            // The uplink ends by itself only after the sampler: neither does before the signal.
            _ = &mut uplink => break,
            Some(asker) = asked.recv() => {
                // Who has not waited for the answer finds it in the log.
                drop(asker.send(reloader.reload().await));
            }
        }
    }
    tell_stop(&reporter);
    drop(watchdog);
    helpers.shutdown().await;
    // Upstream first: the sampler's end tells the uplink to deliver what it has and to close.
    stop.send_replace(true);
    drop(reporter);
    for stage in [sampler, uplink, recorder] {
        if !stage.is_finished() && stage.await.is_err() {
            warn!("a stage ended with a panic");
        }
    }
    Ok(())
}
