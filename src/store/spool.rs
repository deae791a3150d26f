//! The samples that wait for their confirmation, on the runtime directory: a crash or a `kill -9` loses none.
//!
//! An append-only file of records: one names the boot, each of the others holds one sample. A sample is written
//! before it is handed on. The file is RAM: it survives the process, not the power, and costs the card nothing.
//! Whoever holds the samples tells which ones still wait, and the file is written anew when most of it is past.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::notice::Notice;
use super::{codec, record};
use crate::sample::Sample;

/// The samples of one boot.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The boot, as named on the wire.
    pub boot_id: String,
    /// In the order in which they were stored.
    pub samples: Vec<Sample>,
}

/// The file on the runtime directory.
#[derive(Debug)]
pub struct Spool {
    path: Option<PathBuf>,
    /// `None` while it cannot be written.
    file: Option<File>,
    boot_id: String,
    /// Which boot the last boot record in the file names: the current one, or none.
    named: bool,
    bytes: u64,
    /// Samples in the file, whether they still wait or not.
    samples: usize,
    /// Samples since the file was last tried, while it cannot be written.
    missed: usize,
    /// A rewrite that failed is tried again when the file holds this many samples.
    not_before: usize,
    buffer: Vec<u8>,
}

const FILE: &str = "spool";
const BOOT: u8 = b'b';
const SAMPLE: u8 = b's';

/// The most that the file may take: about 25,000 samples.
const MAX_BYTES: u64 = 1 << 20;
/// Fewer samples than these are never worth writing the file anew.
const REWRITE_MIN: usize = 256;
/// How many samples pass before a file that could not be written is tried again.
const RETRY: usize = 60;
/// Records are gathered up to this size before they are written in one go.
const GATHER: usize = 16 * 1024;

impl Spool {
    /// Opens the file in `folder` and reads back what an earlier process left there.
    ///
    /// Never fails: without a usable folder the spool keeps nothing, and says so. What is returned stays in the file
    /// until the next [`Spool::rewrite`]: have it stored or among the waiting samples before that.
    pub fn open(folder: Option<&Path>, boot_id: &str) -> (Self, Vec<Run>, Vec<Notice>) {
        let mut spool = Self {
            path: folder.map(|folder| folder.join(FILE)),
            file: None,
            boot_id: boot_id.to_owned(),
            named: false,
            bytes: 0,
            samples: 0,
            missed: 0,
            not_before: 0,
            buffer: Vec::with_capacity(256),
        };
        let mut notices = Vec::new();
        let mut runs = Vec::new();
        if let Some(path) = spool.path.clone() {
            match read_back(&path) {
                Ok((left, damaged)) => {
                    if damaged > 0 {
                        notices.push(Notice::SpoolDamaged { path: path.clone(), bytes: damaged });
                    }
                    spool.samples = left.iter().map(|run| run.samples.len()).sum();
                    runs = left;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => notices.push(unusable(&path, &error)),
            }
            match append_to(&path) {
                Ok((file, bytes)) => (spool.file, spool.bytes) = (Some(file), bytes),
                Err(error) => notices.push(unusable(&path, &error)),
            }
            notices.dedup();
        }
        (spool, runs, notices)
    }

    /// Writes one sample of this boot: one system call, and then a crash of the process cannot lose it.
    ///
    /// Tells when the file can no longer be written; the daemon goes on without it.
    #[must_use = "the notice has to be said"]
    pub fn append(&mut self, sample: &Sample) -> Option<Notice> {
        let Some(file) = &mut self.file else {
            self.missed += 1;
            return None;
        };
        self.buffer.clear();
        if !self.named {
            put_boot(&self.boot_id, &mut self.buffer);
        }
        put_sample(&self.boot_id, sample, &mut self.buffer);
        let length = self.buffer.len() as u64;
        let written = if self.bytes + length > MAX_BYTES {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has reached {MAX_BYTES} bytes")))
        } else {
            file.write_all(&self.buffer)
        };
        match written {
            Ok(()) => {
                self.named = true;
                self.bytes += length;
                self.samples += 1;
                None
            }
            Err(error) => {
                self.file = None;
                self.missed = 0;
                self.path.as_deref().map(|path| unusable(path, &error))
            }
        }
    }

    /// Whether it is time for [`Spool::rewrite`], when `waiting` samples still wait.
    pub fn wants_rewrite(&self, waiting: usize) -> bool {
        match &self.file {
            Some(_) => {
                self.samples >= REWRITE_MIN.max(self.not_before)
                    && (self.samples >= waiting * 2 || self.bytes > MAX_BYTES * 3 / 4)
            }
            None => self.path.is_some() && self.missed >= RETRY,
        }
    }

    /// Makes the file hold exactly the samples that still wait, each with the boot that it belongs to.
    ///
    /// At any instant of a crash either the old or the new file is there. If the old one could not be written, this
    /// is how it works again.
    #[must_use = "the notice has to be said"]
    pub fn rewrite<'a>(
        &mut self,
        waiting: impl IntoIterator<Item = (&'a str, &'a Sample)>,
    ) -> Option<Notice> {
        let path = self.path.clone()?;
        let worked = self.file.is_some();
        self.missed = 0;
        if self.replace(&path, waiting).is_err() {
            // The old file goes on, with more in it than waits: its own bound will tell if this lasts.
            self.not_before = self.samples + RETRY;
            return None;
        }
        self.not_before = 0;
        (!worked).then_some(Notice::SpoolWorks { path })
    }

    fn replace<'a>(
        &mut self,
        path: &Path,
        waiting: impl IntoIterator<Item = (&'a str, &'a Sample)>,
    ) -> io::Result<()> {
        let mut waiting = waiting.into_iter().peekable();
        if waiting.peek().is_none()
            && let Some(file) = &self.file
        {
            file.set_len(0)?;
            (self.named, self.bytes, self.samples) = (false, 0, 0);
            return Ok(());
        }
        let new = path.with_extension("new");
        let (mut file, _) = append_to(&new)?;
        file.set_len(0)?;
        let (mut bytes, mut samples, mut named) = (0, 0, None);
        self.buffer.clear();
        for (boot_id, sample) in waiting {
            if named != Some(boot_id) {
                put_boot(boot_id, &mut self.buffer);
                named = Some(boot_id);
            }
            put_sample(boot_id, sample, &mut self.buffer);
            samples += 1;
            if self.buffer.len() >= GATHER {
                file.write_all(&self.buffer)?;
                bytes += self.buffer.len() as u64;
                self.buffer.clear();
            }
        }
        file.write_all(&self.buffer)?;
        bytes += self.buffer.len() as u64;
        fs::rename(&new, path)?;
        self.named = named == Some(self.boot_id.as_str());
        (self.bytes, self.samples) = (bytes, samples);
        self.file = Some(file);
        Ok(())
    }
}

fn unusable(path: &Path, error: &io::Error) -> Notice {
    Notice::SpoolUnusable { path: path.to_owned(), why: error.to_string() }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = File::options().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// What is in the file, and how many of its bytes are no record of ours.
fn read_back(path: &Path) -> io::Result<(Vec<Run>, usize)> {
    let mut bytes = Vec::new();
    // Nothing of ours is longer: a foreign file must not fill the memory.
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    let mut runs: Vec<Run> = Vec::new();
    let mut damaged = 0;
    let mut records = record::scan(&bytes);
    for found in records.by_ref() {
        let taken = match found.kind {
            BOOT => str::from_utf8(found.body).ok().map(|boot_id| {
                if runs.last().is_none_or(|run| run.boot_id != boot_id) {
                    runs.push(Run { boot_id: boot_id.to_owned(), samples: Vec::new() });
                }
            }),
            SAMPLE => runs.last_mut().and_then(|run| take_sample(run, found.body)),
            _ => None,
        };
        if taken.is_none() {
            damaged += record::HEADER + found.body.len();
        }
    }
    damaged += records.stepped_over();
    runs.retain(|run| !run.samples.is_empty());
    Ok((runs, damaged))
}

fn put_boot(boot_id: &str, out: &mut Vec<u8>) {
    // A name beyond a record's bound does not occur; its samples would be read back as damaged.
    let _ = record::seal(BOOT, out, |out| out.extend_from_slice(boot_id.as_bytes()));
}

fn put_sample(boot_id: &str, sample: &Sample, out: &mut Vec<u8>) {
    // One sample always fits.
    let _ = record::seal(SAMPLE, out, |out| {
        out.extend_from_slice(&tag(boot_id));
        codec::encode(std::iter::once(sample), out);
    });
}

/// Ties a sample to the name of its boot: if that record is lost, the one before it must not take its place.
fn tag(boot_id: &str) -> [u8; 4] {
    crc32fast::hash(boot_id.as_bytes()).to_le_bytes()
}

fn take_sample(run: &mut Run, body: &[u8]) -> Option<()> {
    let samples = codec::decode(body.strip_prefix(&tag(&run.boot_id))?).ok()?;
    run.samples.extend(samples);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::codec::tests::day;
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::FileExt;

    const BOOT_ID: &str = "0f0f0f0f-0000-4000-8000-000000000001";

    fn numbers(runs: &[Run]) -> Vec<(&str, Vec<u64>)> {
        runs.iter()
            .map(|r| (r.boot_id.as_str(), r.samples.iter().map(|s| s.seq - 77_000).collect()))
            .collect()
    }

    fn fill(spool: &mut Spool, range: std::ops::Range<u64>) {
        range.for_each(|seq| assert_eq!(spool.append(&day(seq)), None));
    }

    /// What the next process finds.
    fn left(folder: &Path) -> (Vec<Run>, Vec<Notice>) {
        let (_, runs, notices) = Spool::open(Some(folder), "next");
        (runs, notices)
    }

    #[test]
    fn a_process_that_is_killed_leaves_every_sample_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, runs, notices) = Spool::open(Some(dir.path()), BOOT_ID);
        assert_eq!((runs, notices), (vec![], vec![]));
        fill(&mut spool, 0..3);
        // As after a kill: nothing of the process runs any more.
        std::mem::forget(spool);
        let (mut again, runs, notices) = Spool::open(Some(dir.path()), BOOT_ID);
        assert_eq!((numbers(&runs), notices), (vec![(BOOT_ID, vec![0, 1, 2])], vec![]));
        fill(&mut again, 3..5);
        assert_eq!(numbers(&left(dir.path()).0), [(BOOT_ID, vec![0, 1, 2, 3, 4])]);
    }

    #[test]
    fn samples_keep_the_boot_in_which_they_were_taken() {
        let dir = tempfile::tempdir().unwrap();
        fill(&mut Spool::open(Some(dir.path()), BOOT_ID).0, 0..2);
        let (mut other, _, _) = Spool::open(Some(dir.path()), "other");
        fill(&mut other, 5..6);
        assert_eq!(numbers(&left(dir.path()).0), [(BOOT_ID, vec![0, 1]), ("other", vec![5])]);
        let (old, new) = (day(1), [day(5), day(6)]);
        let waiting = std::iter::once((BOOT_ID, &old)).chain(new.iter().map(|s| ("other", s)));
        assert_eq!(other.rewrite(waiting), None);
        fill(&mut other, 7..8);
        assert_eq!(numbers(&left(dir.path()).0), [(BOOT_ID, vec![1]), ("other", vec![5, 6, 7])]);
        assert_eq!(other.rewrite([]), None);
        fill(&mut other, 8..9);
        let (runs, notices) = left(dir.path());
        assert_eq!((numbers(&runs), notices), (vec![("other", vec![8])], vec![]));
    }

    #[test]
    fn a_file_full_of_confirmed_samples_asks_to_be_written_anew_and_shrinks() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _, _) = Spool::open(Some(dir.path()), BOOT_ID);
        fill(&mut spool, 0..1000);
        assert!(spool.wants_rewrite(500) && !spool.wants_rewrite(501));
        assert_eq!(spool.rewrite([]), None);
        assert_eq!(fs::metadata(dir.path().join(FILE)).unwrap().len(), 0);
        assert!(!spool.wants_rewrite(0));
        fill(&mut spool, 1000..1001);
        assert_eq!(numbers(&left(dir.path()).0), [(BOOT_ID, vec![1000])]);
    }

    #[test]
    fn the_file_never_passes_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _, _) = Spool::open(Some(dir.path()), BOOT_ID);
        let notice = (0..100_000).find_map(|seq| spool.append(&day(seq))).unwrap();
        assert!(notice.to_string().contains("has reached 1048576 bytes"), "{notice}");
        assert!(fs::metadata(dir.path().join(FILE)).unwrap().len() <= MAX_BYTES);
        fill(&mut spool, 0..60);
        assert!(spool.wants_rewrite(60));
        assert!(matches!(spool.rewrite([(BOOT_ID, &day(9))]), Some(Notice::SpoolWorks { .. })));
        assert_eq!(numbers(&left(dir.path()).0), [(BOOT_ID, vec![9])]);
    }

    #[test]
    fn a_torn_tail_costs_the_torn_sample_alone_and_the_next_process_appends_after_it() {
        let dir = tempfile::tempdir().unwrap();
        fill(&mut Spool::open(Some(dir.path()), BOOT_ID).0, 0..4);
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        let last = record::scan(&whole).last().unwrap().at;
        for length in last + 1..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (mut spool, runs, notices) = Spool::open(Some(dir.path()), BOOT_ID);
            assert_eq!(numbers(&runs), [(BOOT_ID, vec![0, 1, 2])]);
            assert_eq!(notices, [Notice::SpoolDamaged { path: path.clone(), bytes: length - last }]);
            fill(&mut spool, 4..5);
            assert_eq!(numbers(&left(dir.path()).0), [(BOOT_ID, vec![0, 1, 2, 4])]);
        }
    }

    #[test]
    fn a_lost_boot_record_never_lends_its_samples_to_another_boot() {
        let dir = tempfile::tempdir().unwrap();
        fill(&mut Spool::open(Some(dir.path()), BOOT_ID).0, 0..1);
        let second = fs::metadata(dir.path().join(FILE)).unwrap().len();
        fill(&mut Spool::open(Some(dir.path()), "other").0, 1..3);
        let file = File::options().write(true).open(dir.path().join(FILE)).unwrap();
        file.write_all_at(b"x", second).unwrap();
        let (runs, notices) = left(dir.path());
        assert_eq!(numbers(&runs), [(BOOT_ID, vec![0])]);
        assert_eq!(notices.len(), 1);
    }

    #[test]
    fn without_a_folder_it_goes_on_and_says_so_once_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("later");
        let (mut spool, runs, notices) = Spool::open(Some(&folder), BOOT_ID);
        assert_eq!((runs, notices.len()), (vec![], 1), "{notices:?}");
        assert!(notices[0].to_string().contains("RUNTIME_DIR"), "{notices:?}");
        fill(&mut spool, 0..60);
        assert!(spool.wants_rewrite(60));
        assert_eq!(spool.rewrite([(BOOT_ID, &day(0))]), None);
        fs::create_dir(&folder).unwrap();
        fill(&mut spool, 60..120);
        assert!(spool.wants_rewrite(120));
        assert!(matches!(spool.rewrite([(BOOT_ID, &day(0))]), Some(Notice::SpoolWorks { .. })));
        assert_eq!(numbers(&left(&folder).0), [(BOOT_ID, vec![0])]);
        let (mut nowhere, _, notices) = Spool::open(None, BOOT_ID);
        fill(&mut nowhere, 0..200);
        assert!(notices.is_empty() && !nowhere.wants_rewrite(200));
    }

    #[test]
    fn a_rewrite_that_fails_leaves_the_old_file_growing() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _, _) = Spool::open(Some(dir.path()), BOOT_ID);
        fill(&mut spool, 0..300);
        fs::create_dir(dir.path().join(FILE).with_extension("new")).unwrap();
        assert!(spool.wants_rewrite(1));
        assert_eq!(spool.rewrite([(BOOT_ID, &day(299))]), None);
        assert!(!spool.wants_rewrite(1));
        fill(&mut spool, 300..360);
        assert!(spool.wants_rewrite(1));
        assert_eq!(left(dir.path()).0[0].samples.len(), 360);
    }

    #[test]
    fn a_folder_in_place_of_the_file_is_said_in_one_notice() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(FILE)).unwrap();
        let (mut spool, runs, notices) = Spool::open(Some(dir.path()), BOOT_ID);
        assert_eq!((runs, notices.len()), (vec![], 1), "{notices:?}");
        fill(&mut spool, 0..3);
    }

    proptest! {
        #[test]
        fn whatever_is_in_the_file_it_opens_and_appends(garbage in prop::collection::vec(any::<u8>(), 0..400), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), cut in any::<prop::sample::Index>()) {
            let dir = tempfile::tempdir().unwrap();
            fill(&mut Spool::open(Some(dir.path()), BOOT_ID).0, 0..6);
            let path = dir.path().join(FILE);
            let mut bytes = fs::read(&path).unwrap();
            let garbage_at = cut.index(bytes.len());
            bytes.splice(garbage_at..garbage_at, garbage);
            for (at, mask) in &flips {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
            }
            fs::write(&path, &bytes).unwrap();
            let (mut spool, runs, _) = Spool::open(Some(dir.path()), BOOT_ID);
            // The garbage can cost one sample, each flip another one, or the boot record.
            let kept: Vec<u64> = runs.iter().flat_map(|r| &r.samples).map(|s| s.seq - 77_000).collect();
            prop_assert!(kept.is_empty() || kept.len() + 1 + flips.len() >= 6, "{:?}", kept);
            prop_assert!(kept.is_sorted() && kept.iter().all(|&s| s < 6));
            prop_assert_eq!(spool.append(&day(6)), None);
            let (runs, _) = left(dir.path());
            prop_assert_eq!(runs.last().and_then(|r| r.samples.last().copied()).map(|s| s.seq), Some(77_006));
        }
    }
}
