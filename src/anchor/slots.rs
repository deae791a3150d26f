//! A small file in RAM that holds the last two versions of something: each write goes over the older one, in place, so
//! it costs one system call, and a crash within it leaves the newer one whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Room for one version: length (4 bytes), number (8), the bytes, a checksum of all that (4).
const SLOT: usize = 4096;
const HEAD: usize = 12;
const CHECKSUM: usize = 4;

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Slots {
    file: File,
    /// The number of the next version.
    next: u64,
    buffer: Vec<u8>,
}

impl Slots {
    /// Opens or creates the file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let next = newest(&file).map_or(0, |(number, _)| number.wrapping_add(1));
        Ok(Self { file, next, buffer: Vec::with_capacity(SLOT) })
    }

    /// Writes a version over the older of the two.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= SLOT - HEAD - CHECKSUM);
        let length = length.ok_or_else(|| io::Error::other("it is more than a slot holds"))?;
        self.buffer.clear();
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.extend_from_slice(&self.next.to_le_bytes());
        self.buffer.extend_from_slice(bytes);
        let checksum = crc32fast::hash(&self.buffer);
        self.buffer.extend_from_slice(&checksum.to_le_bytes());
        self.file.write_all_at(&self.buffer, place(self.next))?;
        self.next = self.next.wrapping_add(1);
        Ok(())
    }
}

/// There is something in the file, and none of it is a version.
#[derive(Debug, PartialEq)]
pub(super) struct NoneWhole;

/// The newest version in the file that is whole; `None` if there is no file, or nothing in it.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, NoneWhole> {
    let Ok(file) = File::open(path) else { return Ok(None) };
    match newest(&file) {
        Some((_, bytes)) => Ok(Some(bytes)),
        None if file.metadata().is_ok_and(|metadata| metadata.len() == 0) => Ok(None),
        None => Err(NoneWhole),
    }
}

fn newest(file: &File) -> Option<(u64, Vec<u8>)> {
    [0, 1].into_iter().filter_map(|slot| version(file, place(slot))).max_by_key(|(number, _)| *number)
}

/// Where the version of this number is.
fn place(number: u64) -> u64 {
    number % 2 * SLOT as u64
}

fn version(file: &File, place: u64) -> Option<(u64, Vec<u8>)> {
    let mut slot = vec![0; SLOT];
    let mut filled = 0;
    while let Ok(length @ 1..) = file.read_at(slot.get_mut(filled..)?, place + filled as u64) {
        filled += length;
    }
    let (length, rest) = slot.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (number, _) = rest.split_first_chunk::<8>()?;
    let end = HEAD.checked_add(length)?;
    let checksum = slot.get(end..)?.first_chunk::<CHECKSUM>()?;
    let is_whole = crc32fast::hash(slot.get(..end)?) == u32::from_le_bytes(*checksum);
    is_whole.then(|| Some((u64::from_le_bytes(*number), slot.get(HEAD..end)?.to_vec())))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(path: &Path) -> Vec<u8> {
        read(path).unwrap().unwrap()
    }

    #[test]
    fn the_last_version_is_read_and_one_that_a_crash_cut_off_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("battery");
        assert_eq!(read(&path), Ok(None));
        let mut slots = Slots::open(&path).unwrap();
        for text in ["one", "two, and longer", "3"] {
            slots.write(text.as_bytes()).unwrap();
            assert_eq!(whole(&path), text.as_bytes());
        }
        // The fourth lies over the second; a byte of it did not get there.
        slots.write(b"four").unwrap();
        slots.file.write_all_at(b"X", SLOT as u64 + 14).unwrap();
        assert_eq!(whole(&path), b"3");
        // Who opens it next goes on from there.
        let mut again = Slots::open(&path).unwrap();
        again.write(b"five").unwrap();
        assert_eq!(whole(&path), b"five");
    }

    #[test]
    fn what_does_not_fit_is_refused_and_any_other_file_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("battery");
        let mut slots = Slots::open(&path).unwrap();
        slots.write(&[7; SLOT - HEAD - CHECKSUM]).unwrap();
        assert!(slots.write(&[7; SLOT]).is_err());
        assert_eq!(whole(&path).len(), SLOT - HEAD - CHECKSUM);
        for (bytes, expected) in
            [(vec![], Ok(None)), (vec![0; 10], Err(NoneWhole)), (vec![0xFF; 3 * SLOT], Err(NoneWhole))]
        {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path), expected);
        }
    }
}
