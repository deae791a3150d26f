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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    fn set(files: &OpenFiles, file: &impl AsRawFd, address: u16) {
        files.update(own_thread(), number(file), |client| client.address = address).unwrap();
    }

    fn address(files: &OpenFiles, file: &impl AsRawFd) -> u16 {
        files.client(own_thread(), number(file)).unwrap().address
    }

    fn own_thread() -> u32 {
        std::process::id()
    }

    fn number(file: &impl AsRawFd) -> u32 {
        file.as_raw_fd().try_into().unwrap()
    }

    #[test]
    fn a_duplicate_shares_the_address_and_another_open_file_does_not() {
        let files = OpenFiles::default();
        let first = File::open("/dev/null").unwrap();
        let duplicate = first.try_clone().unwrap();
        let second = File::open("/dev/null").unwrap();
        set(&files, &first, 0x40);
        set(&files, &second, 0x41);
        assert_eq!([address(&files, &duplicate), address(&files, &second)], [0x40, 0x41]);
        set(&files, &duplicate, 0x42);
        assert_eq!(address(&files, &first), 0x42);
    }

    #[test]
    fn a_descriptor_number_that_is_used_again_starts_afresh() {
        let files = OpenFiles::default();
        let first = File::open("/dev/null").unwrap();
        set(&files, &first, 0x40);
        let mut second = OwnedFd::from(File::open("/dev/null").unwrap());
        rustix::io::dup2(&first, &mut second).unwrap();
        assert_eq!(address(&files, &second), 0x40);
        rustix::io::dup2(File::open("/dev/null").unwrap(), &mut second).unwrap();
        assert_eq!(address(&files, &second), 0);
    }

    #[test]
    fn the_file_that_was_unused_for_longest_is_forgotten_first() {
        let files = OpenFiles::default();
        let first = File::open("/dev/null").unwrap();
        let second = File::open("/dev/null").unwrap();
        set(&files, &first, 0x40);
        set(&files, &second, 0x41);
        assert_eq!(address(&files, &first), 0x40);
        for _ in 0..CAPACITY - 1 {
            set(&files, &File::open("/dev/null").unwrap(), 1);
        }
        assert_eq!(files.known.lock().unwrap().len(), CAPACITY);
        assert_eq!([address(&files, &first), address(&files, &second)], [0x40, 0]);
    }
}
