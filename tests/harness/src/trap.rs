//! The system calls of a running program, through `strace`: a kill at its n-th call of some kinds, and a log of them.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Process;
use crate::wrapper::tool;

/// A trap that is set; taken away when dropped.
#[derive(Debug)]
pub struct Trap {
    _strace: Process,
    _dir: TempDir,
}

impl Trap {
    /// Kills the process `id` when its thread of that name, or without a name any of them, makes the `n`-th of these
    /// system calls from now on (`fsync,rename`).
    #[track_caller]
    pub fn set(id: u32, thread: Option<&str>, calls: &str, n: u32) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let mut command = Command::new(tool("strace"));
        match thread {
            Some(name) => command.args(["-p", &thread_of(id, name).to_string()]),
            None => command.args(["-f", "-p", &id.to_string()]),
        };
        command.arg("-e").arg(format!("trace={calls}"));
        command.arg("-e").arg(format!("inject={calls}:signal=SIGKILL:when={n}"));
        command.arg("-o").arg(dir.path().join("calls"));
        let mut strace = Process::start("strace", command, &dir.path().join("log"));
        strace.says("attached");
        Self { _strace: strace, _dir: dir }
    }
}

/// Notes which system calls a running program makes.
#[derive(Debug)]
pub struct Witness {
    strace: Process,
    dir: TempDir,
}

impl Witness {
    /// Watches the process `id`, all its threads and what it starts, for these calls (`execve,openat`).
    #[track_caller]
    pub fn of(id: u32, calls: &str) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let mut command = Command::new(tool("strace"));
        command.args(["-f", "-y", "-s", "4096", "-p", &id.to_string()]);
        command.arg("-e").arg(format!("trace={calls}")).arg("-o").arg(dir.path().join("calls"));
        let mut strace = Process::start("strace", command, &dir.path().join("log"));
        strace.says("attached");
        Self { strace, dir }
    }

    /// Ends the watch; the calls, one a line, as strace(1) writes them.
    pub fn calls(mut self) -> Vec<String> {
        self.strace.stop();
        let text = fs::read(self.dir.path().join("calls")).expect("a log of calls");
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }
}

/// The thread of a process that has this name; the first is called like its program.
#[track_caller]
fn thread_of(process: u32, name: &str) -> u32 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running process").flatten();
    let mut ids = threads.filter_map(|thread| thread.file_name().to_str()?.parse::<u32>().ok());
    let is_called = |id: &u32| {
        let comm = fs::read_to_string(format!("/proc/{process}/task/{id}/comm"));
        comm.is_ok_and(|comm| comm.trim() == name)
    };
    ids.find(is_called).unwrap_or_else(|| panic!("no thread of {process} is called {name}"))
}
