//! Everything that the checks judge, gathered side by side within a bound of time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::command::output;
use super::device::{SensorLook, SensorTrouble, look_as};
use super::unit::Unit;
use crate::battery::{Pack, Response, StepResponse};
use crate::clock::{SystemTime, TimeSource as _};
use crate::config::{self, Config, Loaded, Mistakes};
use crate::status::{Answer, AskError, Request, Snapshot, ask, socket_in, sockets_below};
use crate::uplink::{Dialer, Findings, Proxy, probe};

/// Where the doctor looks.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The configuration, if one was named.
    pub config: Option<PathBuf>,
    /// The root of `/sys`, `/boot`, `/dev` and `/run`: `/`, but for tests of these checks.
    pub root: PathBuf,
}

/// What was found out.
pub struct Facts {
    /// The configuration.
    pub config: Result<Loaded, Mistakes>,
    /// The file in which it is, or was looked for.
    pub config_file: PathBuf,
    /// The daemon.
    pub daemon: Daemon,
    /// The way to the server; `None` without a configuration, a sentence if it cannot be gone.
    pub network: Option<Result<Findings, String>>,
    /// The look at the chip; `None` if the daemon answers for it.
    pub look: Option<SensorLook>,
    /// The service; `None` where systemd does not run.
    pub unit: Option<Result<Unit, String>>,
    /// Whose rights matter.
    pub account: Account,
    /// Whether somebody keeps this machine's clock right; `None` if nobody can be asked.
    pub synchronised: Option<bool>,
    /// This machine's time of day, in ms since 1970.
    pub now_ms: i64,
    /// The root of `/sys`, `/boot`, `/dev` and `/run`.
    pub root: PathBuf,
}

/// The daemon, as its status socket shows it.
#[derive(Debug)]
pub enum Daemon {
    /// It runs, and is so.
    Running(Box<Snapshot>),
    /// Nobody listens.
    Stopped,
    /// It cannot be asked: why.
    Silent(String),
}

/// All of it ends within this, so that the whole takes less than 15 s.
const LIMIT: Duration = Duration::from_millis(13_500);
/// How long systemd may take.
const SYSTEMD_LIMIT: Duration = Duration::from_secs(3);
/// How long the sensor may take: four seconds of looks, and what a bus that hangs takes to say so.
const LOOK_LIMIT: Duration = Duration::from_secs(8);
/// How long a sensor may take to answer again before it is called lost.
const SETTLED: Duration = Duration::from_secs(3);
/// Between two looks at one that does not.
const SETTLING: Duration = Duration::from_millis(300);
/// Where the daemon is looked for without a configuration.
const RUNTIME_DIR: &str = "/run/ems-edge";

impl Facts {
    /// Gathers them.
    pub fn gather(surroundings: &Surroundings) -> Self {
        let deadline = Instant::now() + LIMIT;
        let root = surroundings.root.clone();
        let config = config::load(surroundings.config.as_deref(), |key| std::env::var_os(key));
        let config_file = file_of(surroundings.config.as_deref(), &config);
        let system = beside({
            let root = root.clone();
            move || (Unit::ask(&root, Instant::now() + SYSTEMD_LIMIT), synchronised(&root))
        });
        // Without the token, which would be a second connection beside the daemon's.
        let way = config.as_ref().ok().map(|loaded| look_at_way(loaded.config.clone(), false, deadline));
        let daemon = Daemon::find_settled(config.as_ref().ok().map(|loaded| &loaded.config));
        let mine = matches!(daemon, Daemon::Stopped).then_some(config.as_ref().ok()).flatten();
        let token = mine.map(|loaded| look_at_way(loaded.config.clone(), true, deadline));
        let (unit, synchronised) = receive(&system, deadline).unwrap_or((None, None));
        let account = Account::of_service(unit.as_ref().and_then(|unit| unit.as_ref().ok()));
        let look = mine.map(|loaded| {
            look_as(&account, &loaded.config.wiring(), deadline.min(Instant::now() + LOOK_LIMIT))
        });
        let network = token.or(way).map(|way| {
            receive(&way, deadline + Duration::from_secs(1))
                .unwrap_or_else(|| Err("the look at the network did not end in time".to_owned()))
        });
        let now_ms = SystemTime.realtime_ms();
        Self { config, config_file, daemon, network, look, unit, account, synchronised, now_ms, root }
    }

    /// The settings, where they hold together.
    pub(super) fn settings(&self) -> Option<&Config> {
        self.config.as_ref().ok().map(|loaded| &loaded.config)
    }

    /// The running daemon.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        match &self.daemon {
            Daemon::Running(snapshot) => Some(snapshot),
            Daemon::Stopped | Daemon::Silent(_) => None,
        }
    }

    /// The service's properties.
    pub(super) fn unit(&self) -> Option<&Unit> {
        self.unit.as_ref()?.as_ref().ok().filter(|unit| unit.is_installed())
    }

    /// The way to the server, as far as it was gone.
    pub(super) fn way(&self) -> Option<&Findings> {
        self.network.as_ref()?.as_ref().ok()
    }

    /// Whether a chip on a real bus is meant.
    pub(super) fn has_chip(&self) -> bool {
        self.settings().is_some_and(|config| config.sensor.is_on_i2c())
    }

    /// Why the sensor gives no readings, by the daemon or by the look.
    pub(super) fn sensor_trouble(&self) -> Option<SensorTrouble> {
        if let Some(snapshot) = self.snapshot() {
            let sensor = &snapshot.sensor;
            let words = sensor.trouble.clone()?;
            let fault = sensor.fault.clone();
            let (kind, errno) = fault.map_or(("unknown".to_owned(), None), |fault| (fault.kind, fault.errno));
            return Some(SensorTrouble { kind, errno, words });
        }
        self.look.as_ref()?.as_ref().err().cloned()
    }

    /// The last reading in V and A: the daemon's or the look's.
    pub(super) fn reading(&self) -> Option<Result<(f64, Option<f64>), SensorTrouble>> {
        if let Some(snapshot) = self.snapshot() {
            return snapshot.reading.as_ref().map(|reading| Ok((reading.voltage, reading.current)));
        }
        let wiring = self.settings()?.wiring();
        let last = self.look.as_ref()?.as_ref().ok()?.last()?;
        Some(last.reading(&wiring).map(|r| (r.voltage, r.current)).map_err(SensorTrouble::from))
    }

    /// What the answer of the voltage to the current says.
    pub(super) fn response(&self) -> Response {
        if let Some(snapshot) = self.snapshot() {
            return snapshot.sensor.response.unwrap_or(Response::Unknown);
        }
        let Some(config) = self.settings() else { return Response::Unknown };
        let (wiring, pack) = (config.wiring(), config.pack());
        let mut response = StepResponse::default();
        for registers in self.look.iter().flatten().flatten() {
            let reading = registers.reading(&wiring).ok();
            response.note(reading.and_then(|r| Some((r.voltage, r.current?))), &pack);
        }
        response.judge(&pack)
    }

    /// What the label on the pack says.
    pub(super) fn pack(&self) -> Option<Pack> {
        self.settings().map(Config::pack)
    }
}

impl Daemon {
    /// The daemon when its sensor has settled: one that has just started has read nothing yet, and a single reading that
    /// failed is no fault.
    fn find_settled(config: Option<&Config>) -> Self {
        let begin = Instant::now();
        loop {
            let daemon = Self::find(config);
            let Self::Running(snapshot) = &daemon else { return daemon };
            let sensor = &snapshot.sensor;
            let is_settled = match sensor.answers {
                Some(true) => true,
                Some(false) => Duration::from_secs(sensor.since_s) >= SETTLED,
                None => false,
            };
            if is_settled || begin.elapsed() >= SETTLED {
                return daemon;
            }
            thread::sleep(SETTLING);
        }
    }

    fn find(config: Option<&Config>) -> Self {
        let socket = if let Some(config) = config {
            socket_in(&config.runtime_dir, config.device_id.as_str())
        } else {
            let folder = std::env::var_os("RUNTIME_DIR").map_or_else(|| RUNTIME_DIR.into(), PathBuf::from);
            match sockets_below(&folder).as_slice() {
                [(_, socket)] => socket.clone(),
                _ => return Self::Stopped,
            }
        };
        // Under another name: its settings were changed, and it has not been restarted.
        let others = config.map(|config| sockets_below(&config.runtime_dir)).unwrap_or_default();
        let sockets = std::iter::once(socket).chain(others.into_iter().map(|(_, socket)| socket));
        // One that listens and cannot be asked still has the chip: it is not called stopped.
        sockets
            .map(|socket| Self::at(&socket))
            .find(|daemon| !matches!(daemon, Self::Stopped))
            .unwrap_or(Self::Stopped)
    }

    fn at(socket: &Path) -> Self {
        match ask(socket, Request::Status) {
            Ok(Answer { status: Some(snapshot), .. }) => Self::Running(snapshot),
            Ok(_) => Self::Silent("it answers something else".to_owned()),
            Err(AskError::NotRunning(_)) => Self::Stopped,
            Err(error) => Self::Silent(error.to_string()),
        }
    }
}

type Way = Result<Findings, String>;

pub(super) fn look_at_way(config: Config, with_token: bool, deadline: Instant) -> Receiver<Way> {
    beside(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("the system refuses an event loop: {error}"))?;
        let dialer = dialer(&config)?;
        let findings = runtime.block_on(probe(&dialer, with_token, deadline.into()));
        // The resolver may still wait for its answer.
        runtime.shutdown_background();
        Ok(findings)
    })
}

fn dialer(config: &Config) -> Result<Dialer, String> {
    let (server, token) = (&config.server_url, config.api_token.clone());
    let proxy = Proxy::for_host(&server.host(), |key| std::env::var(key).ok())?;
    Dialer::new(server, &config.device_id, token, config.ca_file.as_ref(), proxy, 0)
        .map_err(|error| error.to_string())
}

fn synchronised(root: &Path) -> Option<bool> {
    // What timesyncd leaves behind; chrony and others tell the kernel, whom timedatectl asks.
    if root.join("run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    let mut command = Command::new("timedatectl");
    command.args(["show", "--property=NTPSynchronized", "--value"]);
    match output(&mut command, Instant::now() + SYSTEMD_LIMIT).ok()?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// The file that was read, or should have been.
fn file_of(named: Option<&Path>, loaded: &Result<Loaded, Mistakes>) -> PathBuf {
    let read = loaded.as_ref().ok().and_then(|loaded| loaded.path.clone());
    let found = || config::SEARCH.iter().map(PathBuf::from).find(|path| path.exists());
    let first = || config::SEARCH.first().map(PathBuf::from).unwrap_or_default();
    read.or_else(|| named.map(Path::to_owned)).or_else(found).unwrap_or_else(first)
}

/// Runs `work` on a thread of its own, for which nobody waits longer than they want to.
fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    // Bound 1: it sends once.
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || drop(sender.send(work())));
    receiver
}

fn receive<T>(receiver: &Receiver<T>, deadline: Instant) -> Option<T> {
    receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}
