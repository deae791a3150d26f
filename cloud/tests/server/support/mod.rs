//! The real binary on free ports, and small clients for it.

pub(crate) mod client;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Nothing on this machine takes longer, however busy it is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A data folder that `ems-cloud init` has made.
pub(crate) struct Site {
    dir: TempDir,
}

/// A running `ems-cloud serve`.
pub(crate) struct Server {
    child: Child,
    pub(crate) tls: SocketAddr,
    pub(crate) http: SocketAddr,
    log: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        let password = site.dir.path().join("password");
        fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        let made = site.run(&["init", "--admin-password-file", password.to_str().unwrap()]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        site
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        ems_cloud(&self.data(), arguments)
    }

    /// Registers a device; its token.
    pub(crate) fn add(&self, id: &str) -> String {
        self.token_from(&["device", "add", id])
    }

    /// Adds a user with [`PASSWORD`].
    pub(crate) fn add_user(&self, name: &str, role: &str, devices: &[&str]) {
        let file = self.dir.path().join("password");
        let mut arguments =
            vec!["user", "add", name, "--role", role, "--password-file", file.to_str().unwrap()];
        arguments.extend(devices.iter().flat_map(|device| ["--device", device]));
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Starts the server with more options.
    pub(crate) fn serve_as(&self, options: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ems-cloud"));
        command.arg("serve").arg("--data").arg(self.data()).args(options);
        self.serve_with(command)
    }

    /// Replaces a device's token.
    pub(crate) fn rotate(&self, id: &str) -> String {
        self.token_from(&["device", "token", id])
    }

    fn token_from(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        lines.lines().find_map(|line| line.strip_prefix("API_TOKEN=")).unwrap().to_owned()
    }

    pub(crate) fn serve(&self) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ems-cloud"));
        command.arg("serve").arg("--data").arg(self.data());
        self.serve_with(command)
    }

    /// Starts `command`, which is the server or ends in it.
    pub(crate) fn serve_with(&self, mut command: Command) -> Server {
        let log = self.dir.path().join(format!("log-{}", fs::read_dir(self.dir.path()).unwrap().count()));
        command
            .args([
                "--listen",
                "127.0.0.1:0",
                "--listen-plain",
                "127.0.0.1:0",
                "--log",
                "info,ems_cloud=debug",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |kind: &str| {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("the server did not start: {}", fs::read_to_string(&log).unwrap()))
                .unwrap();
            line.strip_prefix(&format!("listening {kind} ")).unwrap().parse().unwrap()
        };
        let (tls, http) = (address("tls"), address("http"));
        Server { child, tls, http, log }
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub(crate) fn hang_up(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Resident memory, kB.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// What of it is no file's: heaps and stacks, kB.
    pub(crate) fn anonymous_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// A line of proc(5).
    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server's log\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

pub(crate) fn ems_cloud(data: &Path, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ems-cloud"))
        .args(arguments)
        .env("EMS_CLOUD_DATA", data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{arguments:?} does not end: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Everything that a folder holds, as bytes.
pub(crate) fn contents(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        fs::File::open(entry.unwrap().path()).unwrap().read_to_end(&mut all).unwrap();
    }
    all
}

/// Waits until `condition` holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
