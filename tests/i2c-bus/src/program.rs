//! The program under test: started, sent our signals, waited for, and cleaned up after.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::process::Command;
use std::thread;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, pidfd_send_signal,
    set_child_subreaper, wait,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use crate::complain;
use crate::kernel::end_with_this_thread;

/// Signals that are passed on. Registering them also keeps them from ending us before the program.
pub(crate) struct Signals(SignalsInfo<WithOrigin>);

impl Signals {
    /// Catches the signals from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        SignalsInfo::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]).map(Self)
    }
}

/// A running program.
pub(crate) struct Program(Pid);

impl Program {
    /// Starts `command`. Its process is killed if the calling thread ends, and its orphans become ours.
    pub(crate) fn start(command: &[OsString], signals: Signals) -> io::Result<Self> {
        let [program, arguments @ ..] = command else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program given"));
        };
        set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut command = Command::new(program);
        command.args(arguments);
        end_with_this_thread(&mut command);
        let child = Pid::from_child(&command.spawn()?);
        // It has not been waited for: its number is still its own.
        let process = pidfd_open(child, PidfdFlags::empty())?;
        thread::Builder::new().spawn(move || {
            let mut signals = signals;
            for origin in &mut signals.0 {
                // A program that has ended needs no signal.
                if let Some(signal) = passed_on(&origin) {
                    let _gone = pidfd_send_signal(&process, signal);
                }
            }
        })?;
        Ok(Self(child))
    }

    /// Waits for the program's end, kills what it left running, and returns its exit status: its own, or
    /// 128 and the signal that killed it.
    pub(crate) fn finish(self) -> io::Result<u8> {
        let status = loop {
            match wait(WaitOptions::empty())? {
                Some((pid, status)) if pid == self.0 => break status,
                _ => {}
            }
        };
        end_orphans();
        let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
        Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}

/// The signal, unless a terminal sent it: then the program in the foreground has it already.
fn passed_on(origin: &Origin) -> Option<Signal> {
    if origin.cause == Cause::Kernel {
        return None;
    }
    Signal::from_named_raw(origin.signal)
}

/// Kills the descendants that are left, generation after generation as they become our children.
fn end_orphans() {
    loop {
        match children() {
            Ok(pids) => pids.into_iter().for_each(|pid| {
                let _gone = kill_process(pid, Signal::KILL);
            }),
            Err(error) => return complain(format_args!("cannot look for orphans: {error}")),
        }
        let reaped: Result<Option<(Pid, WaitStatus)>, _> = wait(WaitOptions::empty());
        if reaped.is_err() {
            return;
        }
    }
}

/// All our children are the main thread's: it alone starts a process, and orphans go to the oldest thread.
fn children() -> io::Result<Vec<Pid>> {
    let listed = fs::read_to_string(format!("/proc/self/task/{}/children", std::process::id()))?;
    Ok(listed.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect())
}
