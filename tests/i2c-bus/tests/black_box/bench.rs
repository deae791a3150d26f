//! A bus in a temporary folder, and programs that run on it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything here takes on a loaded machine; reached only if something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The chips that most tests use.
pub(crate) const CHIPS: &str = "\
chip 0x40 ina226 volts=26.6 shunt_mv=-7.5
chip 0x41 ina219 volts=12.4 shunt_mv=3
chip 0x42 registers 0x02=0x1f42
";

/// A control file, a file that stands for the device, and a log.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    /// A bench whose control file says `control`.
    pub(crate) fn new(control: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("dev")).unwrap();
        fs::write(folder.path().join("dev/i2c-1"), "").unwrap();
        let bench = Self { folder };
        bench.control(control);
        bench
    }

    /// Rewrites the control file.
    pub(crate) fn control(&self, text: &str) {
        fs::write(self.path("control"), text).unwrap();
    }

    /// A file of the bench.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What went over the bus so far, without the transfers' numbers.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap();
        log.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    /// `i2c-bus` on this bench, to run `program`.
    pub(crate) fn command(&self, program: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_i2c-bus"));
        command.arg("--bus").arg(self.path("control")).arg("--log").arg(self.path("log"));
        command.arg("--").args(program).stdin(Stdio::null());
        command
    }

    /// Runs `program` on the bus to its end.
    pub(crate) fn run(&self, program: &[&str]) -> Output {
        self.command(program).output().unwrap()
    }

    /// A shell on the bus. It and what it starts find the bus at `/dev/i2c-1`.
    pub(crate) fn shell(&self, script: &str) -> Output {
        let script = format!("mount --bind '{}' /dev && {script}", self.path("dev").display());
        let output = self.run(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            !stderr.contains("unshare") && !stderr.contains("mount:"),
            "user and mount namespaces are needed: {stderr}"
        );
        output
    }

    /// Starts the client on the bus, and waits until both run: a control file that changes while `i2c-bus`
    /// starts is another story than one that changes later.
    pub(crate) fn client(&self) -> Client {
        let device = self.path("dev/i2c-1");
        let mut child = self
            .command(&[env!("CARGO_BIN_EXE_i2c-client"), device.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, answers) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().try_for_each(|line| sender.send(line.unwrap())));
        let mut client =
            Client { requests: child.stdin.take(), child, answers, early: HashMap::new(), tags: 0 };
        assert_eq!(client.ask("slave 0x77"), "ok");
        client
    }
}

/// A client that runs under `i2c-bus`. Dropping it ends both.
pub(crate) struct Client {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
    early: HashMap<u32, String>,
    tags: u32,
}

impl Client {
    /// Makes a request without waiting for its answer.
    pub(crate) fn begin(&mut self, request: &str) -> u32 {
        self.tags += 1;
        writeln!(self.requests.as_mut().unwrap(), "{} {request}", self.tags).unwrap();
        self.tags
    }

    /// Waits for the answer to a request.
    pub(crate) fn answer(&mut self, tag: u32) -> String {
        loop {
            if let Some(answer) = self.early.remove(&tag) {
                return answer;
            }
            let line = self.answers.recv_timeout(PATIENCE).expect("the client gave no answer");
            let (tag, answer) = line.split_once(' ').unwrap();
            self.early.insert(tag.parse().unwrap(), answer.to_owned());
        }
    }

    /// Whether a request has been answered by now.
    pub(crate) fn is_answered(&mut self, tag: u32) -> bool {
        for line in self.answers.try_iter() {
            let (tag, answer) = line.split_once(' ').unwrap();
            self.early.insert(tag.parse().unwrap(), answer.to_owned());
        }
        self.early.contains_key(&tag)
    }

    /// Makes a request and waits for its answer.
    pub(crate) fn ask(&mut self, request: &str) -> String {
        let tag = self.begin(request);
        self.answer(tag)
    }

    /// Lets the client end, and returns what `i2c-bus` wrote on stderr.
    pub(crate) fn finish(mut self) -> String {
        self.requests = None;
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(self.child.wait().unwrap().success());
        stderr
    }

    /// The process that runs the client, `i2c-bus`.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            send("TERM", self.id());
            end_of(&mut self.child);
        }
    }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "still not so: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process that has not been collected yet.
pub(crate) fn send(signal: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits for the end of a program that was told to end.
pub(crate) fn end_of(child: &mut Child) -> ExitStatus {
    let mut status = None;
    eventually("the program has ended", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// What a program printed.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
