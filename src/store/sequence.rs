//! The numbers of the samples: one more with each, over restarts of the daemon too, and never one twice.
//!
//! The memory is a file on the runtime directory, which the kernel's boot empties. A number is noted there after its
//! sample is in the spool and before it is sent: whatever the instant of a crash, the next number is one more than
//! the larger of the two, so none is skipped and none names two samples. Without a memory the numbers begin at the
//! milliseconds since boot: samples come at most every 100 ms, so no earlier run of this boot can have come that far. If the memory was there and is lost, the boot gets a name of its own as well.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tracing::warn;

use crate::clock::BootTime;

/// Hands out the numbers of one boot.
#[derive(Debug)]
pub struct Sequence {
    boot_id: String,
    next: u64,
}

/// Where the next number outlives the process.
#[derive(Debug, Default)]
pub struct Numbers {
    file: Option<File>,
    /// Of the number in the file: behind the boot's name.
    offset: u64,
}

/// In the runtime folder: the boot's name and the next number, at a fixed place.
const MEMORY: &str = "sequence";
/// In the state folder: the kernel's name of the last boot in which this identity ran.
const LAST_BOOT: &str = "last-boot";
/// Digits of `u64::MAX`.
const DIGITS: usize = 20;

impl Sequence {
    /// Takes up the numbering where the last run of this boot left it.
    ///
    /// `runtime` and `state` are this identity's folders; without a runtime folder the memory is this process alone.
    pub fn open(
        runtime: Option<&Path>,
        state: Option<&Path>,
        kernel_boot_id: &str,
        now: BootTime,
    ) -> (Self, Numbers) {
        let file = runtime.map(|folder| folder.join(MEMORY));
        let last_boot = state.map(|folder| folder.join(LAST_BOOT));
        let remembered = file.as_deref().and_then(|path| recall(path, kernel_boot_id));
        let (boot_id, next) = remembered.unwrap_or_else(|| {
            let last = last_boot.as_deref().and_then(|path| fs::read_to_string(path).ok());
            let lost = last.is_some_and(|boot| boot == kernel_boot_id);
            let suffix = if lost { format!("-{}", random_suffix()) } else { String::new() };
            (format!("{kernel_boot_id}{suffix}"), now.0)
        });
        if let Some(path) = last_boot {
            note_boot(&path, kernel_boot_id);
        }
        let memory = file.and_then(|path| {
            remember(&path, &boot_id, next)
                .inspect_err(|error| {
                    warn!(
                        "cannot write {}: {error}; after a restart the samples get a new boot id",
                        path.display()
                    );
                })
                .ok()
        });
        let offset = boot_id.len() as u64 + 1;
        (Self { boot_id, next }, Numbers { file: memory, offset })
    }

    /// The boot's name on the wire.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// The next number.
    pub fn take(&mut self) -> u64 {
        let seq = self.next;
        self.next += 1;
        seq
    }

    /// The spool holds a sample of this boot with the number before `next`.
    pub fn begin_at_least_at(&mut self, next: u64) {
        self.next = self.next.max(next);
    }
}

impl Numbers {
    /// The sample with the number before `next` is in the spool.
    pub fn note(&mut self, next: u64) {
        if let Some(file) = &self.file
            && let Err(error) = file.write_all_at(&digits(next), self.offset)
        {
            warn!("cannot remember sample numbers: {error}; after a restart they get a new boot id");
            // What stands in the file would repeat numbers: an empty file tells the next run that it is lost.
            let _ = file.set_len(0);
            self.file = None;
        }
    }
}

fn recall(path: &Path, kernel_boot_id: &str) -> Option<(String, u64)> {
    let text = fs::read_to_string(path).ok()?;
    let (boot_id, next) = text.trim_end().split_once('\n')?;
    let same_boot =
        boot_id.strip_prefix(kernel_boot_id).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    if !same_boot || next.len() != DIGITS {
        return None;
    }
    Some((boot_id.to_owned(), next.parse().ok()?))
}

/// One write a boot: the card is spared.
fn note_boot(path: &Path, kernel_boot_id: &str) {
    if fs::read_to_string(path).is_ok_and(|boot| boot == kernel_boot_id) {
        return;
    }
    if let Err(error) = fs::write(path, kernel_boot_id) {
        warn!("cannot write {}: {error}; a lost runtime directory will go unnoticed", path.display());
    }
}

fn remember(path: &Path, boot_id: &str, next: u64) -> io::Result<File> {
    let mut content = format!("{boot_id}\n").into_bytes();
    content.extend_from_slice(&digits(next));
    content.push(b'\n');
    // Renamed: a crash in between leaves the old memory.
    let new = path.with_extension("new");
    let file = File::options().create(true).truncate(true).write(true).open(&new)?;
    file.write_all_at(&content, 0)?;
    fs::rename(&new, path)?;
    Ok(file)
}

fn digits(mut value: u64) -> [u8; DIGITS] {
    let mut text = [b'0'; DIGITS];
    for place in text.iter_mut().rev() {
        *place += u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
    text
}

/// Eight hexadecimal digits from the kernel's random source.
fn random_suffix() -> String {
    fs::read_to_string("/proc/sys/kernel/random/uuid")
        .map_or_else(|_| format!("{:08x}", std::process::id()), |uuid| uuid.chars().take(8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "0f0f0f0f-0000-4000-8000-000000000001";

    fn folders() -> (tempfile::TempDir, tempfile::TempDir) {
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
    }

    fn open(run: &Path, state: &Path, boot: &str, now: u64) -> (Sequence, Numbers) {
        Sequence::open(Some(run), Some(state), boot, BootTime(now))
    }

    #[test]
    fn a_restart_goes_on_after_the_last_number_that_was_noted_or_is_in_the_spool() {
        let (run, state) = folders();
        let (mut first, mut numbers) = open(run.path(), state.path(), BOOT, 70_000);
        assert_eq!((first.take(), first.take()), (70_000, 70_001));
        numbers.note(70_001);
        let (mut second, _) = open(run.path(), state.path(), BOOT, 99_000);
        assert_eq!(second.boot_id(), BOOT);
        assert_eq!(second.take(), 70_001, "nobody has seen the sample of this number");
        let (mut third, _) = open(run.path(), state.path(), BOOT, 99_000);
        third.begin_at_least_at(70_002);
        assert_eq!(third.take(), 70_002);
        third.begin_at_least_at(9);
        assert_eq!(third.take(), 70_003);
    }

    #[test]
    fn a_new_boot_is_a_new_series() {
        let (run, state) = folders();
        open(run.path(), state.path(), BOOT, 70_000);
        let (other, _) = open(run.path(), state.path(), "other-boot", 5);
        assert_eq!((other.boot_id(), other.next), ("other-boot", 5));
    }

    #[test]
    fn a_lost_or_broken_memory_gets_a_fresh_boot_id() {
        for broken in [None, Some(""), Some("x"), Some("0f0f0f0f-0000-4000-8000-000000000001\n12\n")] {
            let (run, state) = folders();
            open(run.path(), state.path(), BOOT, 70_000);
            let path = run.path().join(MEMORY);
            match broken {
                None => fs::remove_file(&path).unwrap(),
                Some(text) => fs::write(&path, text).unwrap(),
            }
            let (again, mut numbers) = open(run.path(), state.path(), BOOT, 80_000);
            assert!(
                again.boot_id().len() == BOOT.len() + 9 && again.boot_id().starts_with(BOOT),
                "{broken:?}"
            );
            assert_eq!(again.next, 80_000);
            numbers.note(80_001);
            let (third, _) = open(run.path(), state.path(), BOOT, 90_000);
            assert_eq!((third.boot_id(), third.next), (again.boot_id(), 80_001));
        }
    }

    #[test]
    fn without_folders_it_still_counts() {
        let nowhere = Path::new("/proc/nowhere");
        let (mut sequence, mut numbers) = open(nowhere, nowhere, BOOT, 3);
        numbers.note(9);
        assert_eq!((sequence.take(), sequence.take()), (3, 4));
    }
}
