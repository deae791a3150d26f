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
mod tests;
