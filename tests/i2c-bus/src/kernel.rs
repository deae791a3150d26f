//! Two system calls that no safe crate offers.

#![expect(
    unsafe_code,
    reason = "kcmp(2) has no safe wrapper, and code between fork and exec is unsafe to register"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

/// `KCMP_FILE` of `linux/kcmp.h`: do two descriptors lead to one open file description?
const KCMP_FILE: libc::c_int = 0;

/// Whether `ours` and the descriptor `fd` of `thread` are the same open file, as `dup` and `fork` make them.
pub(crate) fn same_open_file(ours: BorrowedFd<'_>, thread: u32, fd: u32) -> io::Result<bool> {
    // SAFETY: kcmp takes plain numbers and touches no memory of ours.
    let order =
        unsafe { libc::syscall(libc::SYS_kcmp, std::process::id(), thread, KCMP_FILE, ours.as_raw_fd(), fd) };
    if order < 0 { Err(io::Error::last_os_error()) } else { Ok(order == 0) }
}

/// Has `command`'s process killed when the calling thread ends, however it ends.
pub(crate) fn end_with_this_thread(command: &mut Command) {
    // SAFETY: the closure only makes one system call, which is allowed between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
}
