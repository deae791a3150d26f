//! A day without sensor and server, on a paused clock: what it leaves in the log.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ems_edge::anchor::Anchor;
use ems_edge::battery::Battery;
use ems_edge::beat::Beat;
use ems_edge::board::Board;
use ems_edge::clock::{BootTime, Clock, TimeSource};
use ems_edge::command::Channels;
use ems_edge::config::{self, Config};
use ems_edge::events::{self, Event, Record, Recorder, Reporter};
use ems_edge::health::{Progress, Work};
use ems_edge::sample::Identity;
use ems_edge::sampler::Sampler;
use ems_edge::sensor;
use ems_edge::status::{BacklogState, LinkState, SensorState};
use ems_edge::store::{self, Backlog, BootClock, Limits, Sequence};
use ems_edge::uplink::{Context, Dialer, Uplink};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

const DAY: Duration = Duration::from_hours(24);
/// Everything that an outage of a day leaves in the log.
const MOST_LINES: usize = 30;

/// The log at the level `info`, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().map(str::to_owned).collect()
    }

    fn keep(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }
}

/// Tokio's clock, whose day takes seconds.
struct Paused {
    start: Instant,
    step_ms: Cell<i64>,
}

impl TimeSource for Paused {
    fn boottime(&self) -> BootTime {
        BootTime(u64::try_from(self.start.elapsed().as_millis()).unwrap())
    }
    fn realtime_ms(&self) -> i64 {
        i64::try_from(self.boottime().0).unwrap() + self.step_ms.get()
    }
    fn synchronised(&self) -> bool {
        false
    }
}

fn paused() -> Paused {
    Paused { start: Instant::now(), step_ms: Cell::new(1_770_000_000_000) }
}

fn configuration(port: u16, sensor: &str, bus: &Path) -> Config {
    let settings: HashMap<&str, String> = HashMap::from([
        ("DEVICE_ID", "ems_001".to_owned()),
        ("API_TOKEN", "sk_live_of_this_test".to_owned()),
        ("SERVER_URL", format!("ws://127.0.0.1:{port}")),
        ("SENSOR", sensor.to_owned()),
        ("I2C_BUS", bus.display().to_string()),
        ("SHUNT", "100A/75mV".to_owned()),
        ("CHEMISTRY", "lfp".to_owned()),
        ("CELLS_SERIES", "4".to_owned()),
        ("CAPACITY_AH", "100".to_owned()),
    ]);
    config::load_from(None, &[], |key| settings.get(key).map(Into::into)).unwrap().config
}

/// The stages from the sensor to the uplink, as the daemon has them.
struct Stages {
    reporter: Reporter,
    link: watch::Receiver<LinkState>,
    backlog: watch::Receiver<BacklogState>,
}

fn start(config: &Config) -> Stages {
    let clock = Rc::new(Clock::new(paused()));
    let (reporter, reports) = events::channel(Rc::clone(&clock));
    let (outgoing, for_uplink) = mpsc::channel::<Event>(1);
    let (samples, collected) = mpsc::channel(16);
    let (link_sender, link) = watch::channel(LinkState::default());
    let (backlog_sender, backlog) = watch::channel(BacklogState::default());
    let boot_id = "boot".to_owned();
    let recorder = Recorder {
        record: Record::default(),
        pen: None,
        clock: Rc::clone(&clock),
        boot_id: boot_id.clone(),
        outgoing,
        errors: watch::channel(VecDeque::new()).0,
    };
    let (sequence, numbers) = Sequence::open(None, None, &boot_id, BootTime(0));
    let sampler = Sampler {
        sensor: sensor::open(&config.wiring(), Work::default()).unwrap(),
        interval: config.sample_interval,
        beats: Beat::of_runtime,
        pack: config.pack(),
        battery: Battery::new(config.setup(), config.limits()),
        anchor: Anchor::new(None, None, Rc::clone(&clock), boot_id.clone()),
        sequence,
        time: Rc::new(paused()),
        progress: Progress::default(),
        latest: watch::channel(None).0,
        state: watch::channel(SensorState::default()).0,
        reporter: reporter.clone(),
        changes: mpsc::channel(1).1,
        extra: mpsc::channel(1).1,
        resets: mpsc::channel(1).1,
        verdict: watch::channel(None).0,
        mode: watch::channel(None).1,
    };
    let channels = Channels::new(watch::channel(config.commands_allow.clone()).1, false);
    let context = Context {
        identity: Identity { device_id: config.device_id.clone(), boot_id },
        clock,
        sensor: "INA226".to_owned(),
        hardware_model: None,
        progress: Progress::default(),
        heard: Progress::default(),
        link: link_sender,
        backlog: backlog_sender,
        backlog_pace: Duration::ZERO,
        commands: channels.commands,
        board: RefCell::new(Board::new(Path::new("/"))),
        positions: Rc::default(),
        remembered: Cell::new(None),
        reporter: reporter.clone(),
    };
    let dialer =
        Dialer::new(&config.server_url, &config.device_id, config.api_token.clone(), None, None, 0).unwrap();
    let (stop, stopping) = watch::channel(false);
    spawn_local(async move {
        sampler.run(samples, stopping).await;
        drop(stop);
    });
    // Memory alone, as with a card that cannot be written: its bound is reached within the day.
    let kept = store::Settings {
        limits: Limits { max_bytes: 1 << 20, max_hours: 24 },
        flush_interval: Duration::from_secs(60),
        capacity: 3600,
        interval: config.sample_interval,
        clock: BootClock::of(&context.clock),
    };
    let (waiting, _) = Backlog::open(None, None, "boot", numbers, kept);
    let uplink = Uplink::new(context, dialer, waiting, for_uplink, channels.outgoing);
    spawn_local(uplink.run(collected, mpsc::channel(1).1));
    spawn_local(recorder.run(reports));
    Stages { reporter, link, backlog }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_day_without_sensor_and_server_makes_at_most_30_lines_and_few_events() {
    let log = Log::default();
    let _guard = log.keep();
    // A port that is taken, and nobody listens.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let stages = start(&configuration(port, "ina226", Path::new("/dev/i2c-none")));
    sleep(DAY).await;

    let lines = log.lines();
    assert!(lines.len() <= MOST_LINES - 4, "start, stop and two recoveries come on top: {lines:#?}");
    assert!(lines.iter().any(|line| line.contains("/dev/i2c-none")), "{lines:#?}");
    let summary = lines.iter().rfind(|line| line.contains("not connected for")).unwrap();
    assert!(summary.contains(" h") && summary.contains("attempts") && summary.contains("lost"), "{summary}");
    assert!(!lines.iter().any(|line| line.contains("sk_live")), "{lines:#?}");

    let link = stages.link.borrow().clone();
    assert!(link.since.elapsed() >= DAY && link.attempts > 1000, "{link:?}");
    let backlog = stages.backlog.borrow().clone();
    assert_eq!((backlog.memory, backlog.room), (3600, 0));
    assert!(backlog.dropped.memory_full > 80_000, "{backlog:?}");
    let events = stages.reporter.recent(1000).await;
    assert!(events.len() <= 25, "{events:#?}");
    let dropped = events.iter().rfind(|event| event.code == events::code::SAMPLES_DROPPED).unwrap();
    assert!(dropped.details["memory_full"].as_u64().unwrap() > 40_000, "{dropped:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_day_of_connections_that_end_at_once_fills_neither_the_log_nor_the_record() {
    let log = Log::default();
    let _guard = log.keep();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Rc::new(Cell::new(0u32));
    let counted = Rc::clone(&connections);
    spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // An upgrade in plain mode, and the end.
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                counted.set(counted.get() + 1);
                drop(socket);
            }
        }
    });
    let stages = start(&configuration(port, "simulated", Path::new("/dev/i2c-none")));
    sleep(DAY).await;
    assert!(connections.get() > 100, "{} connections", connections.get());
    let lines = log.lines();
    assert!(lines.len() <= MOST_LINES, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("unsteady")), "{lines:#?}");
    let events = stages.reporter.recent(1000).await;
    let bytes: usize = events.iter().map(|event| event.to_text().len()).sum();
    assert!(bytes <= 16 * 1024, "{bytes} bytes: {events:#?}");
}
