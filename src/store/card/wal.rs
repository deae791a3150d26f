//! The end of SQLite's write-ahead log that SQLite itself ignores.
//!
//! After a power cut SQLite takes the log up to the first frame whose checksum is wrong, and silently forgets what
//! follows. The frames of this log beyond that point still hold whole records. Format: sqlite.org/fileformat2.html, 4.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The page size of our databases.
const PAGE: usize = 4096;
/// Checksums over little-endian words; the lowest bit makes it big-endian.
const MAGIC: u32 = 0x377F_0682;
/// The longest log that is looked at. Ours is a tenth of it.
const MAX_BYTES: u64 = 8 << 20;

/// What SQLite makes of a log, and what not.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The numbers of the pages that SQLite takes from it.
    pub(super) taken_over: BTreeSet<u32>,
    /// The pages that it ignores. None if the log ends as it should, or is not there.
    pub(super) ignored: Vec<Vec<u8>>,
}

/// Looks at the log, before SQLite writes over it.
pub(super) fn read(path: &Path) -> io::Result<Log> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_BYTES).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Log::default()),
        Err(error) => return Err(error),
    };
    Ok(Log::parse(&bytes))
}

impl Log {
    fn parse(bytes: &[u8]) -> Self {
        let mut log = Self::default();
        let Some((header, frames)) = bytes.split_first_chunk::<HEADER>() else { return log };
        let frames: Vec<&[u8]> = frames.chunks(FRAME_HEADER + PAGE).collect();
        let page = |frame: &&[u8]| frame.get(FRAME_HEADER..).unwrap_or_default().to_vec();
        let Some(start) = Chain::start(header) else {
            // Without its header SQLite ignores all of it. Where nothing was written yet, there are only zeros.
            log.ignored = frames.iter().filter(|frame| frame.iter().any(|&b| b != 0)).map(page).collect();
            return log;
        };
        // Frames of an earlier round, which are in the database, have other salts.
        let ours = |frame: &&[u8]| frame.get(8..16) == header.get(16..24);
        let mut chain = Some(start);
        let mut whole = 0;
        for (index, frame) in frames.iter().enumerate().take_while(|(_, frame)| ours(frame)) {
            chain = chain.and_then(|chain| chain.follow(frame));
            if chain.is_none() {
                break;
            }
            let commits = word(frame, 4).is_some_and(|pages| pages != 0);
            if commits {
                whole = index + 1;
            }
        }
        let end = frames.iter().rposition(ours).map_or(0, |last| last + 1);
        log.taken_over = frames.iter().take(whole).filter_map(|frame| word(frame, 0)).collect();
        log.ignored = frames.get(whole..end).unwrap_or_default().iter().map(page).collect();
        log
    }
}

/// The running checksum over the log.
#[derive(Clone, Copy)]
struct Chain {
    big_endian: bool,
    sum: (u32, u32),
}

impl Chain {
    /// From the log's header, if that is sound.
    fn start(header: &[u8]) -> Option<Self> {
        let magic = word(header, 0)?;
        (magic & !1 == MAGIC).then_some(())?;
        let mut chain = Self { big_endian: magic & 1 == 1, sum: (0, 0) };
        chain.add(header.get(..24)?);
        chain.is_at(header, 24).then_some(chain)
    }

    /// Past `frame`, if that is whole and follows here.
    fn follow(mut self, frame: &[u8]) -> Option<Self> {
        self.add(frame.get(..8)?);
        self.add(frame.get(FRAME_HEADER..FRAME_HEADER + PAGE)?);
        self.is_at(frame, 16).then_some(self)
    }

    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let (Some(a), Some(b)) = (self.word(pair, 0), self.word(pair, 4)) else { return };
            self.sum.0 = self.sum.0.wrapping_add(a).wrapping_add(self.sum.1);
            self.sum.1 = self.sum.1.wrapping_add(b).wrapping_add(self.sum.0);
        }
    }

    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        word(bytes, at) == Some(self.sum.0) && word(bytes, at + 4) == Some(self.sum.1)
    }

    fn word(&self, bytes: &[u8], at: usize) -> Option<u32> {
        word(bytes, at).map(|w| if self.big_endian { w } else { w.swap_bytes() })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::super::database;
    use super::*;

    /// A log of ten commits of one page each, after whatever creates the tables.
    fn log() -> (Vec<u8>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = database::connect(&path).unwrap();
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)").unwrap();
        let log = path.with_file_name("db-wal");
        let before = std::fs::metadata(&log).unwrap().len();
        for id in 0..10 {
            db.execute("INSERT INTO t VALUES (?1, ?2)", (id, vec![0x55; 300])).unwrap();
        }
        let bytes = std::fs::read(&log).unwrap();
        drop(db);
        assert_eq!(bytes.len() as u64 - before, 10 * (FRAME_HEADER + PAGE) as u64);
        (bytes, usize::try_from(before).unwrap())
    }

    #[test]
    fn a_sound_log_leaves_nothing_and_zeros_after_it_are_no_frames() {
        let (mut bytes, _) = log();
        assert_eq!(Log::parse(&bytes).ignored.len(), 0);
        bytes.extend(vec![0; 3 * (FRAME_HEADER + PAGE)]);
        assert_eq!(Log::parse(&bytes).ignored.len(), 0);
        assert_eq!(Log::parse(&vec![0; bytes.len()]).ignored.len(), 0);
    }

    #[test]
    fn after_a_broken_frame_all_that_follow_are_found() {
        let (whole, start) = log();
        for frame in 0..10 {
            let mut bytes = whole.clone();
            bytes[start + frame * (FRAME_HEADER + PAGE) + 2000] ^= 1;
            assert_eq!(Log::parse(&bytes).ignored.len(), 10 - frame);
        }
    }

    #[test]
    fn without_a_sound_header_every_frame_is_found() {
        let (mut bytes, start) = log();
        let frames = (start - HEADER) / (FRAME_HEADER + PAGE) + 10;
        bytes[17] ^= 1;
        assert_eq!(Log::parse(&bytes).ignored.len(), frames);
    }

    #[test]
    fn a_log_that_is_cut_anywhere_is_looked_at_without_harm() {
        let (whole, _) = log();
        for length in (0..whole.len()).step_by(97) {
            Log::parse(&whole[..length]);
        }
    }
}
