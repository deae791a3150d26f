//! The kernel's side of the tool: a seccomp filter that hands I2C ioctls to us (`seccomp_unotify(2)`).
//!
//! The filter is ten instructions of classic BPF, written out here: `seccompiler` has no user
//! notification, and `libseccomp` would make a C library a requirement for building the workspace.

#![expect(unsafe_code, reason = "seccomp(2) and its notification ioctls have no safe wrapper")]

use std::io;
use std::mem::{offset_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, c_ulong, seccomp_data, seccomp_notif, seccomp_notif_resp, sock_filter, sock_fprog};
use rustix::io::Errno;
use rustix::thread::set_no_new_privs;

/// `linux/audit.h`: the calling convention for which the filter reads the arguments.
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("i2c-bus knows the system calls of x86_64 and aarch64 only");

/// `linux/i2c-dev.h` numbers its requests from 0x0701; the block up to 0x073f is the device's.
const I2C_REQUEST_MASK: u32 = !0x3f;
const I2C_REQUESTS: u32 = 0x0700;
/// `linux/gpio.h`: `GPIO_GET_CHIPINFO_IOCTL`.
pub(crate) const GPIO_CHIP_INFO: u32 = 0x8044_b401;

/// Hands the I2C ioctls and the question for a GPIO chip's name of this thread, and of every process it starts from now on, to the returned listener.
///
/// Without `CAP_SYS_ADMIN` the kernel demands `no_new_privs`; with it that is left alone, because a booted
/// container needs its set-uid programs.
pub(crate) fn intercept_i2c_ioctls() -> io::Result<Listener> {
    match install_filter() {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => {
            set_no_new_privs(true)?;
            install_filter()
        }
        outcome => outcome,
    }
}

/// One ioctl that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notification {
    /// Names the waiting call until it is answered or its thread dies.
    pub(crate) id: u64,
    /// The calling thread, as this process sees it.
    pub(crate) thread: u32,
    /// The file descriptor, `ioctl`'s first argument.
    pub(crate) fd: u32,
    /// The request, `ioctl`'s second argument.
    pub(crate) request: u32,
    /// `ioctl`'s third argument: a value or an address in the caller.
    pub(crate) argument: u64,
}

/// What a waiting ioctl is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It returns this value.
    Return(u32),
    /// It fails.
    Fail(Errno),
    /// It is none of ours: the kernel carries it out.
    Continue,
}

/// Receives the intercepted ioctls. When it is closed they fail with `ENOSYS`.
#[derive(Debug)]
pub(crate) struct Listener(OwnedFd);

impl Listener {
    /// Waits for the next ioctl.
    pub(crate) fn next(&self) -> io::Result<Notification> {
        loop {
            // SAFETY: `seccomp_notif` is plain integers; the kernel insists on getting it zeroed.
            let mut notice: seccomp_notif = unsafe { zeroed() };
            // SAFETY: the request writes one `seccomp_notif` to the pointer, which is valid for that.
            let outcome =
                unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notice) };
            if outcome == 0 {
                return Ok(Notification::from(notice));
            }
            let error = io::Error::last_os_error();
            // ENOENT: the caller was killed before we took its call.
            if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::ENOENT)) {
                return Err(error);
            }
        }
    }

    /// Whether the call still waits. What was opened by the thread's number *before* a `true` is its own:
    /// the number cannot have passed to another process in between.
    pub(crate) fn still_waits(&self, id: u64) -> bool {
        // SAFETY: the request reads one u64 from the pointer.
        let outcome =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) };
        outcome == 0
    }

    /// Answers the call. A caller that was killed meanwhile needs no answer: that is no error.
    pub(crate) fn reply(&self, id: u64, reply: Reply) -> io::Result<()> {
        let (val, error, flags) = match reply {
            Reply::Return(value) => (i64::from(value), 0, 0),
            Reply::Fail(errno) => (0, -errno.raw_os_error(), 0),
            Reply::Continue => (0, 0, CONTINUE),
        };
        let mut response = seccomp_notif_resp { id, val, error, flags };
        // SAFETY: the request reads one `seccomp_notif_resp` from the pointer, which is valid for that.
        let outcome =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
        match outcome {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                gone if gone.raw_os_error() == Some(libc::ENOENT) => Ok(()),
                error => Err(error),
            },
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the kernel defines the constant as a 32-bit flag")]
const CONTINUE: u32 = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;

impl From<seccomp_notif> for Notification {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "as the kernel does: fd and request are 32-bit arguments in 64-bit registers"
    )]
    fn from(notice: seccomp_notif) -> Self {
        let [fd, request, argument, ..] = notice.data.args;
        Self { id: notice.id, thread: notice.pid, fd: fd as u32, request: request as u32, argument }
    }
}

fn install_filter() -> io::Result<Listener> {
    let mut program = filter();
    let program = sock_fprog { len: FILTER_LENGTH, filter: program.as_mut_ptr() };
    // A transfer on a real bus is not interruptible: only a deadly signal may end the caller's wait.
    let flags: c_ulong =
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: `program` points to FILTER_LENGTH instructions that outlive the call; the kernel copies them.
    let fd =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    match c_int::try_from(fd) {
        // SAFETY: with NEW_LISTENER the call returns a fresh descriptor, which nobody else owns.
        Ok(fd) if fd >= 0 => Ok(Listener(unsafe { OwnedFd::from_raw_fd(fd) })),
        _ => Err(io::Error::last_os_error()),
    }
}

const FILTER_LENGTH: u16 = 10;

/// `ioctl(_, 0x0700..=0x073f, _)` and `ioctl(_, GPIO_GET_CHIPINFO_IOCTL, _)` in our own calling convention notifies; everything else is allowed.
#[expect(
    clippy::cast_possible_truncation,
    reason = "offsets in a struct of 64 bytes and a small call number"
)]
fn filter() -> [sock_filter; FILTER_LENGTH as usize] {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    // Both architectures are little-endian: the low half of a 64-bit argument comes first.
    const REQUEST: usize = offset_of!(seccomp_data, args) + size_of::<u64>();

    let step = |code, k| sock_filter { code, jt: 0, jf: 0, k };
    // On inequality: skip so many instructions, to the final "allow".
    let unless_equal = |k, skip| sock_filter { code: JUMP_IF_EQUAL, jt: 0, jf: skip, k };
    [
        step(LOAD, offset_of!(seccomp_data, arch) as u32),
        unless_equal(AUDIT_ARCH, 7),
        step(LOAD, offset_of!(seccomp_data, nr) as u32),
        unless_equal(libc::SYS_ioctl as u32, 5),
        step(LOAD, REQUEST as u32),
        // On equality: skip two, to the notification.
        sock_filter { code: JUMP_IF_EQUAL, jt: 2, jf: 0, k: GPIO_CHIP_INFO },
        step(AND, I2C_REQUEST_MASK),
        unless_equal(I2C_REQUESTS, 1),
        step(RETURN, libc::SECCOMP_RET_USER_NOTIF),
        step(RETURN, libc::SECCOMP_RET_ALLOW),
    ]
}
