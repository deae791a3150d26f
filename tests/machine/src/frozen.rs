//! A thread of a program that makes no step, as if a call never returned.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Frozen while this value lives (ptrace(2)). Whoever kills the program gets it out of the way, as with a real hang
/// in which the kernel can still be interrupted.
#[derive(Debug)]
pub struct Frozen {
    release: Option<SyncSender<()>>,
    tracer: Option<JoinHandle<()>>,
}

/// Between two looks at what becomes of it.
const LOOK: Duration = Duration::from_millis(50);

impl Frozen {
    /// Freezes the thread with this number.
    pub(crate) fn thread(id: u32) -> Self {
        let (release, released) = sync_channel::<()>(1);
        let (done, frozen) = sync_channel(1);
        // A traced thread belongs to the thread that traces it.
        let tracer = thread::spawn(move || {
            let target = Pid::from_raw(id.cast_signed());
            let stop = ptrace::seize(target, ptrace::Options::empty())
                .and_then(|()| ptrace::interrupt(target))
                .and_then(|()| waitpid(target, Some(WaitPidFlag::__WALL)));
            let stopped = stop.is_ok();
            let _ = done.send(stop.map(|_| ()));
            if stopped {
                hold(target, &released);
            }
        });
        frozen.recv().expect("the tracer").expect("a thread that can be traced");
        Self { release: Some(release), tracer: Some(tracer) }
    }
}

/// Until it is killed (only its tracer can let go of what is left of it then), or released.
fn hold(target: Pid, released: &Receiver<()>) {
    while released.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        match waitpid(target, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => {}
            Ok(WaitStatus::Stopped(_, signal)) => {
                let _ = ptrace::cont(target, signal);
            }
            _ => return,
        }
    }
    let _ = ptrace::detach(target, None);
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(tracer) = self.tracer.take() {
            drop(tracer.join());
        }
    }
}
