//! A thread of a program that makes no step, as if a call never returned.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// Frozen while this value lives (ptrace(2)). Whoever kills the program gets it out of the way, as with a real hang
/// in which the kernel can still be interrupted.
#[derive(Debug)]
pub struct Frozen {
    release: Option<SyncSender<()>>,
    tracer: Option<JoinHandle<()>>,
}

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
                let _ = released.recv();
                // It may have been killed meanwhile.
                let _ = ptrace::detach(target, None);
            }
        });
        frozen.recv().expect("the tracer").expect("a thread that can be traced");
        Self { release: Some(release), tracer: Some(tracer) }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(tracer) = self.tracer.take() {
            drop(tracer.join());
        }
    }
}
