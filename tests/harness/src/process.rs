//! A program that a test started: its log, its signals, its end.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{PATIENCE, poll, until};

/// A running program, killed when dropped. Its stdout and stderr go to one file, which is shown if the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where this run begins in the log.
    begin: u64,
    /// Only the last run of a program shows the log.
    shows_log: bool,
}

/// What a program that ran to its end left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status; -1 if a signal ended it.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// The end of a log that is enough to see what went wrong, in bytes.
const SHOWN: usize = 12_000;

impl Process {
    /// Starts `command`, whose output is added to the file `log`.
    #[track_caller]
    pub fn start(name: &str, mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        let begin = file.metadata().expect("a log file has a length").len();
        command.stdin(Stdio::null());
        command.stdout(file.try_clone().expect("a second handle"));
        command.stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child, log: log.to_owned(), begin, shows_log: true }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What this run has written so far.
    pub fn log(&self) -> String {
        let all = fs::read(&self.log).unwrap_or_default();
        let begin = usize::try_from(self.begin).unwrap_or(usize::MAX);
        String::from_utf8_lossy(all.get(begin..).unwrap_or_default()).into_owned()
    }

    /// Waits for a line that begins with `prefix` and gives its rest.
    #[track_caller]
    pub fn line_after(&mut self, prefix: &str) -> String {
        self.wait_for(&format!("the line `{prefix}…`"), |log| {
            // A last line without its end is still being written.
            let (lines, _) = log.rsplit_once('\n')?;
            lines.lines().find_map(|line| line.strip_prefix(prefix)).map(|rest| rest.trim().to_owned())
        })
    }

    /// Waits until the log contains `words`.
    #[track_caller]
    pub fn says(&mut self, words: &str) {
        self.wait_for(&format!("the words {words:?}"), |log| log.contains(words).then_some(()));
    }

    #[track_caller]
    fn wait_for<T>(&mut self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        let what = format!("{what} of {}", self.name);
        until(&what, || {
            // Asked first: what it wrote before its end is still to be seen.
            let ended = self.child.try_wait().expect("our own child");
            let found = look(&self.log());
            if let (None, Some(status)) = (&found, ended) {
                panic!("{} ended ({status}) while a test waited for {what}", self.name);
            }
            found
        })
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        until(&what, || self.child.try_wait().expect("our own child"))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Ends it without asking (SIGKILL), and what runs below it, as a wrapper's program does.
    pub fn kill(&mut self) {
        let below = descendants(self.id());
        self.signal(Signal::KILL);
        self.child.wait().expect("our own child");
        // They get their signal from the kernel, when their parent has ended.
        until("the end of its children", || below.iter().all(|&pid| !is_alive(pid)).then_some(()));
    }

    /// Holds it in the middle of whatever it does (SIGSTOP).
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        // The signal is taken at the next instruction of each thread, not when it is sent.
        let tasks = PathBuf::from(format!("/proc/{}/task", self.id()));
        until("every thread to stop", || {
            let mut threads = fs::read_dir(&tasks).expect("our own child").flatten();
            threads.all(|thread| is_stopped(&thread.path())).then_some(())
        });
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Resident memory in KiB (`VmRSS` of proc(5)).
    #[track_caller]
    pub fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} is gone: {error}", self.name));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Its log is shown by the next run.
    pub(crate) fn hand_over_log(&mut self) {
        self.shows_log = false;
    }

    fn signal(&mut self, signal: Signal) {
        // A child that has been waited for has given its number back.
        if self.is_running() {
            let pid = Pid::from_raw(self.id().cast_signed()).expect("a child has a number");
            kill_process(pid, signal).expect("our own child");
        }
    }
}

/// The processes below one.
fn descendants(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children: Vec<u32> = text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let deeper: Vec<u32> = children.iter().copied().flat_map(descendants).collect();
    children.into_iter().chain(deeper).collect()
}

/// Whether it runs still: its files, and so its locks, are closed when the last of its threads has ended, which its first
/// one, then a zombie, may have done before.
fn is_alive(pid: u32) -> bool {
    let Ok(mut threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.any(|thread| thread.is_ok_and(|thread| !is_over(&thread.path())))
}

/// Whether a thread has ended (Z and X of proc(5)).
fn is_over(thread: &Path) -> bool {
    let stat = fs::read_to_string(thread.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Whether a thread is in the state `T` of proc(5), or has gone.
fn is_stopped(thread: &Path) -> bool {
    let Ok(stat) = fs::read_to_string(thread.join("stat")) else { return true };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() && self.shows_log {
            let all = fs::read(&self.log).unwrap_or_default();
            let end = &all[all.len().saturating_sub(SHOWN)..];
            // In one piece: other tests fail at the same time.
            let text = format!("--- log of {} ---\n{}\n---\n", self.name, String::from_utf8_lossy(end));
            drop(std::io::stderr().write_all(text.as_bytes()));
        }
    }
}

/// Runs `command` to its end.
#[track_caller]
pub fn run(mut command: Command) -> Finished {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Read while it runs: a full pipe would stop it.
    let readers = [read(stdout), read(stderr)];
    let ended = poll(PATIENCE, || child.try_wait().expect("our own child"));
    if ended.is_none() {
        drop(child.kill());
    }
    let [stdout, stderr] = readers.map(|reader| reader.join().expect("a reader of a pipe"));
    let status = ended.unwrap_or_else(|| panic!("{command:?} does not end; it said:\n{stdout}{stderr}"));
    let status = status.code().or(status.signal().map(|_| -1)).unwrap_or(-1);
    Finished { status, stdout, stderr }
}

fn read(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Finished {
    /// Fails the test unless the program succeeded; gives its standard output.
    #[track_caller]
    pub fn expect_success(self, what: &str) -> String {
        assert!(self.status == 0, "{what} ended with {}:\n{}{}", self.status, self.stdout, self.stderr);
        self.stdout
    }
}
