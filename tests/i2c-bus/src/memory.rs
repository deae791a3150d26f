//! The memory of the calling process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use rustix::io::Errno;

/// The address space of one process.
///
/// It stays with that process even if its number is given to another one, which `process_vm_readv(2)` cannot
/// promise. Unlike the kernel's own copy, a write here also succeeds on pages that the process may only read.
#[derive(Debug)]
pub(crate) struct Memory(File);

impl Memory {
    /// Opens the memory of the process to which `thread` belongs.
    pub(crate) fn of(thread: u32) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open(format!("/proc/{thread}/mem")).map(Self)
    }

    /// Copies `N` bytes in. An address that is not mapped is `EFAULT`, as in the kernel.
    pub(crate) fn read<const N: usize>(&self, address: u64) -> Result<[u8; N], Errno> {
        let mut bytes = [0; N];
        self.0.read_exact_at(&mut bytes, address).map_err(|_| Errno::FAULT)?;
        Ok(bytes)
    }

    /// Copies `length` bytes in.
    pub(crate) fn read_vec(&self, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, address).map_err(|_| Errno::FAULT)?;
        Ok(bytes)
    }

    /// Copies `bytes` out.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.0.write_all_at(bytes, address).map_err(|_| Errno::FAULT)
    }
}
