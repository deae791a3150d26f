//! The real `ems-edge`.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::bus::Bus;
use crate::notify::Notify;
use crate::process::{Process, run};
use crate::programs::program;
use crate::settings::Settings;
use crate::wrapper::Wrapper;

/// A daemon with folders of its own and a clean environment; killed when dropped.
#[derive(Debug)]
pub struct Edge {
    process: Process,
    notify: Notify,
    settings: Settings,
    wrapper: Wrapper,
    dir: TempDir,
}

impl Edge {
    /// Starts `ems-edge run` with these settings and waits for READY.
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        Self::start_under(&Wrapper::default(), settings)
    }

    /// As [`Self::start`], this time and every other time under `wrapper`.
    #[track_caller]
    pub fn start_under(wrapper: &Wrapper, settings: &Settings) -> Self {
        Self::start_in(TempDir::new().expect("a temporary folder"), wrapper, settings)
    }

    /// As [`Self::start_under`], with its state in the folder `state` of `dir` and what lives in RAM in `run`.
    #[track_caller]
    pub fn start_in(dir: TempDir, wrapper: &Wrapper, settings: &Settings) -> Self {
        Self::launch(dir, wrapper.clone(), settings, |command| wrapper.around(&command))
    }

    /// As [`Self::start`], with `bus` behind its I2C ioctls.
    #[track_caller]
    pub fn start_on(bus: &Bus, settings: &Settings) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        Self::launch(dir, Wrapper::default(), settings, |command| bus.around(&command))
    }

    /// As [`Self::start_on`], on a bus whose chips outlive the daemon: [`Self::kill_on_bus`] starts it anew.
    #[track_caller]
    pub fn start_on_lasting(bus: &Bus, settings: &Settings) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        Self::launch(dir, Wrapper::default(), settings, |command| bus.around_each_run(&command))
    }

    /// Ends the daemon of [`Self::start_on_lasting`] without asking, does something `meanwhile`, and waits for the next
    /// one's READY a few seconds later.
    #[track_caller]
    pub fn kill_on_bus(&mut self, meanwhile: impl FnOnce()) {
        let shell = only_child(self.process.id());
        let daemon = i32::try_from(only_child(shell)).ok().and_then(Pid::from_raw).expect("a process");
        self.notify.clear();
        kill_process(daemon, Signal::KILL).expect("the daemon runs");
        meanwhile();
        self.wait_ready();
    }

    #[track_caller]
    fn launch(
        dir: TempDir,
        wrapper: Wrapper,
        settings: &Settings,
        wrap: impl FnOnce(Command) -> Command,
    ) -> Self {
        let notify = Notify::listen(&dir.path().join("notify"));
        let path_of = |name: &str| dir.path().join(name).to_str().expect("a plain name").to_owned();
        let settings =
            settings.clone().with("STATE_DIR", &path_of("state")).with("RUNTIME_DIR", &path_of("run"));
        write_secret(&dir.path().join("config.env"), &settings.text());
        let mut command = command(&dir.path().join("config.env"));
        command.env("NOTIFY_SOCKET", notify.path());
        let process = Process::start("ems-edge", wrap(command), &dir.path().join("log"));
        let mut edge = Self { process, notify, settings, wrapper, dir };
        edge.wait_ready();
        edge
    }

    /// Ends the daemon without asking, and starts it anew on the same folders.
    #[track_caller]
    pub fn kill_and_restart(&mut self) {
        self.process.kill();
        self.start_again();
    }

    /// Ends the daemon without asking, empties what is in RAM alone, and starts it anew.
    #[track_caller]
    pub fn cut_power(&mut self) {
        self.process.kill();
        std::fs::remove_dir_all(self.settings.get("RUNTIME_DIR")).expect("a runtime folder");
        self.start_again();
    }

    /// Stops the daemon, and starts it anew on the same folders.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// As [`Self::restart`], from now on under another wrapper.
    #[track_caller]
    pub fn restart_under(&mut self, wrapper: &Wrapper) {
        self.stop();
        self.wrapper = wrapper.clone();
        self.start_again();
    }

    /// Ends the daemon without asking.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it anew on the same folders, and waits for READY.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.launch_again();
        self.wait_ready();
    }

    /// As [`Self::start_again`], from now on under another wrapper.
    #[track_caller]
    pub fn start_again_under(&mut self, wrapper: &Wrapper) {
        self.wrapper = wrapper.clone();
        self.start_again();
    }

    /// Starts it anew on the same folders.
    #[track_caller]
    pub fn launch_again(&mut self) {
        self.process.hand_over_log();
        self.notify.clear();
        let mut command = self.command();
        command.env("NOTIFY_SOCKET", self.notify.path());
        let command = self.wrapper.around(&command);
        self.process = Process::start("ems-edge", command, &self.dir.path().join("log"));
    }

    fn wait_ready(&mut self) {
        let Self { process, notify, .. } = self;
        crate::wait::until("READY of ems-edge", || {
            assert!(process.is_running(), "ems-edge ended before READY");
            notify.messages().iter().any(|message| message == "READY=1").then_some(())
        });
    }

    /// What `ems-edge status --json` says.
    #[track_caller]
    pub fn status(&self) -> Value {
        let finished = run(self.subcommand("status --json"));
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("no JSON: {finished:?}"))
    }

    /// The folder of this identity on the card.
    pub fn state_dir(&self) -> PathBuf {
        Path::new(self.settings.get("STATE_DIR")).join(self.settings.get("DEVICE_ID"))
    }

    /// The folder of this identity in RAM.
    pub fn runtime_dir(&self) -> PathBuf {
        Path::new(self.settings.get("RUNTIME_DIR")).join(self.settings.get("DEVICE_ID"))
    }

    /// The command that was started: a second one would share identity and folders.
    pub fn command(&self) -> Command {
        command(&self.dir.path().join("config.env"))
    }

    /// What the service manager does after each end of the daemon.
    #[track_caller]
    pub fn make_outputs_safe(&self) {
        run(self.wrapper.around(&self.subcommand("outputs-safe"))).expect_success("ems-edge outputs-safe");
    }

    /// Another subcommand of `ems-edge` with the same configuration, in a clean environment: `status --json`.
    pub fn subcommand(&self, words: &str) -> Command {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().args(words.split(' ')).arg("--config").arg(self.dir.path().join("config.env"));
        command
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop()
    }

    /// What the configuration says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Resident memory in KiB.
    #[track_caller]
    pub fn resident_kib(&self) -> u64 {
        self.process.resident_kib()
    }

    /// What it tells the service manager.
    pub fn notify(&self) -> &Notify {
        &self.notify
    }

    /// What it has logged since its last start.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

#[track_caller]
fn only_child(process: u32) -> u32 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let children = tasks.flat_map(|task| {
        let children = task.expect("a thread").path().join("children");
        let list = std::fs::read_to_string(children).unwrap_or_default();
        list.split_whitespace().map(|id| id.parse().expect("a number")).collect::<Vec<u32>>()
    });
    let children: Vec<u32> = children.collect();
    assert_eq!(children.len(), 1, "{process} has {children:?}");
    children.first().copied().expect("one")
}

/// As an installed configuration is: readable by its owner alone.
fn write_secret(path: &Path, text: &str) {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("a configuration file");
}

/// `ems-edge run --config PATH` in a clean environment.
fn command(config: &Path) -> Command {
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().arg("run").arg("--config").arg(config);
    command
}
