//! What i2c-dev keeps per open file: the chip address chosen by `I2C_SLAVE`, and two flags.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::kernel::same_open_file;

/// How many open files are remembered; beyond, the one unused for longest is forgotten. Closing cannot be
/// seen from here, and a program that reopens the bus for each transfer must not use up our descriptors.
const CAPACITY: usize = 64;

/// The settings of one open file (`struct i2c_client` in the kernel's i2c-dev).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// 7 bits, or 10 with `ten_bit`.
    pub(crate) address: u16,
    /// `I2C_TENBIT`.
    pub(crate) ten_bit: bool,
    /// `I2C_PEC`.
    pub(crate) packet_error_code: bool,
}

/// The settings of all open files, known by the file itself: descriptors made by `dup` or `fork` share them,
/// and a descriptor number that is used again starts afresh.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    /// Most recently used first. Each holds a descriptor of its file, so that no other can take its identity.
    known: Mutex<VecDeque<(OwnedFd, Client)>>,
}

impl OpenFiles {
    /// The settings of what `fd` of `thread` refers to.
    pub(crate) fn client(&self, thread: u32, fd: u32) -> io::Result<Client> {
        self.update(thread, fd, |_| ())
    }

    /// Changes the settings of what `fd` of `thread` refers to, and returns them.
    pub(crate) fn update(
        &self,
        thread: u32,
        fd: u32,
        change: impl FnOnce(&mut Client),
    ) -> io::Result<Client> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = None;
        for (index, (file, _)) in known.iter().enumerate() {
            if same_open_file(file.as_fd(), thread, fd)? {
                at = Some(index);
                break;
            }
        }
        let (file, mut client) = match at.and_then(|index| known.remove(index)) {
            Some(entry) => entry,
            None => (duplicate(thread, fd)?, Client::default()),
        };
        change(&mut client);
        known.push_front((file, client));
        known.truncate(CAPACITY);
        Ok(client)
    }
}

fn duplicate(thread: u32, fd: u32) -> io::Result<OwnedFd> {
    let process = pidfd_open(process_of(thread)?, PidfdFlags::empty())?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    Ok(pidfd_getfd(process, fd, PidfdGetfdFlags::empty())?)
}

/// The process of a thread: a pidfd can be opened for processes only.
fn process_of(thread: u32) -> io::Result<Pid> {
    let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("Tgid:"))
        .and_then(|number| Pid::from_raw(number.trim().parse().ok()?))
        .ok_or_else(|| io::Error::other(format!("/proc/{thread}/status has no Tgid")))
}
