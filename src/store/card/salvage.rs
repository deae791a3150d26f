//! Healing: what can be read of a damaged database goes into its successor, the damaged file is set aside.
//!
//! Every record proves itself, so nothing of the database's structure is needed: the files are searched byte by byte.
//! Records that were deleted but not yet overwritten come back too. That does no harm: a sample is sent again and
//! the cloud knows it, an event or a value is bounded or replaced by its newest revision.
//!
//! A power cut at any point is harmless: the successor is filled under one name, gets a second one when it is
//! complete, and from then on the exchange is finished at the next start.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ems_protocol::SeqRanges;
use rusqlite::Connection;

use super::CardError;
use super::database::{self, Paths};
use super::entry::{self, Boot};
use super::wal::Log;
use crate::store::record::{self, HEADER, MAX_BODY};

/// How many damaged databases are kept for those who want to know.
const KEPT_ASIDE: usize = 2;
/// How much of a file is searched at a time.
const CHUNK: usize = 64 * 1024;

/// What was found in a damaged database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Healed {
    pub(super) samples: u64,
    pub(super) events: u64,
    /// Where the damaged file is now.
    pub(super) aside: PathBuf,
}

/// Replaces the database by one that holds all that can be read of it.
pub(super) fn heal(paths: &Paths) -> Result<Healed, CardError> {
    let unfinished = paths.unfinished();
    remove(&unfinished)?;
    let found = fill(&unfinished, &[paths.database(), paths.log()]).inspect_err(|_| {
        // On a full disk its place is needed more than it is.
        let _ = remove(&unfinished);
    })?;
    fs::rename(&unfinished, paths.healed())?;
    paths.sync()?;
    let aside = exchange(paths)?.unwrap_or_default();
    Ok(Healed { aside, ..found })
}

/// Puts a complete successor into its place, if there is one: also one that a power cut has left.
pub(super) fn exchange(paths: &Paths) -> Result<Option<PathBuf>, CardError> {
    if !paths.healed().try_exists()? {
        return Ok(None);
    }
    let number = 1 + numbers_aside(paths)?.last().copied().unwrap_or(0);
    // The log first: left beside the successor, it would be taken for the successor's own.
    for path in [paths.log(), paths.database()] {
        match fs::rename(&path, aside(&path, number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => paths.sync()?,
        }
    }
    fs::rename(paths.healed(), paths.database())?;
    paths.sync()?;
    let numbers = numbers_aside(paths)?;
    for &old in numbers.iter().rev().skip(KEPT_ASIDE) {
        remove(&aside(&paths.database(), old))?;
        remove(&aside(&paths.log(), old))?;
    }
    Ok(Some(aside(&paths.database(), number)))
}

/// The blocks in the part of the log that SQLite ignores, as bodies of records; `None` if there is no such part.
pub(super) fn torn_blocks(log: &Log) -> Option<Vec<&[u8]>> {
    let records = log.ignored.iter().flat_map(|page| record::scan(page));
    let blocks = records.filter(|found| found.kind == entry::BLOCK).map(|found| found.body);
    (!log.ignored.is_empty()).then(|| blocks.collect())
}

/// Where a block lies, and what decides its place.
struct Place {
    source: usize,
    at: u64,
    length: usize,
    boot: usize,
    first: u64,
    samples: usize,
}

/// What the damaged files hold, without the samples themselves.
#[derive(Default)]
struct Inventory {
    blocks: Vec<Place>,
    /// Names of boots, in the order of their appearance.
    names: Vec<String>,
    boots: BTreeMap<String, (u64, Boot)>,
    events: BTreeMap<u64, String>,
    meta: BTreeMap<String, (u64, Vec<u8>)>,
}

fn fill(unfinished: &Path, sources: &[PathBuf]) -> Result<Healed, CardError> {
    let mut inventory = Inventory::default();
    let mut files = Vec::new();
    for path in sources {
        match File::open(path) {
            Ok(file) => {
                let source = files.len();
                search(&file, |at, kind, body| inventory.note(source, at, kind, body))?;
                files.push(file);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut connection = Connection::open(unfinished)?;
    // Its journal goes with the transaction: one file remains, whole on the disk.
    connection.execute_batch("PRAGMA page_size=4096; PRAGMA cache_size=-128; PRAGMA synchronous=FULL")?;
    let transaction = connection.transaction()?;
    database::make_tables(&transaction)?;
    let found = inventory.write(&transaction, &files)?;
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(found)
}

impl Inventory {
    fn note(&mut self, source: usize, at: u64, kind: u8, body: &[u8]) {
        match kind {
            entry::BLOCK => {
                let Some(block) = entry::block(body) else { return };
                let boot = self.names.iter().position(|n| n == block.boot_id).unwrap_or_else(|| {
                    self.names.push(block.boot_id.to_owned());
                    self.names.len() - 1
                });
                let first = block.samples.iter().map(|s| s.seq).min().unwrap_or(0);
                let (length, samples) = (HEADER + body.len(), block.samples.len());
                self.blocks.push(Place { source, at, length, boot, first, samples });
            }
            entry::BOOT => {
                let Some((revision, boot)) = entry::boot(body) else { return };
                let known = self.boots.get(&boot.name).map_or(0, |known| known.0);
                if revision >= known {
                    self.boots.insert(boot.name.clone(), (revision, boot));
                }
            }
            entry::EVENT => {
                let Some((number, text)) = entry::event(body) else { return };
                self.events.insert(number, text.to_owned());
            }
            entry::META => {
                let Some((revision, key, value)) = entry::meta(body) else { return };
                let known = self.meta.get(key).map_or(0, |known| known.0);
                if revision >= known {
                    self.meta.insert(key.to_owned(), (revision, value.to_vec()));
                }
            }
            _ => {}
        }
    }

    fn write(mut self, connection: &Connection, files: &[File]) -> Result<Healed, CardError> {
        // A boot without its record comes after those whose place is known: damage spares what is old least.
        let order = |name: &String| self.boots.get(name).map_or(u64::MAX, |(_, boot)| boot.order);
        let orders: Vec<u64> = self.names.iter().map(order).collect();
        self.blocks.sort_by_key(|place| {
            (orders.get(place.boot).copied(), place.boot, place.first, Reverse(place.samples))
        });
        let mut healed = Healed { events: self.events.len() as u64, ..Healed::default() };
        let mut stored = SeqRanges::new();
        let mut boot = None;
        let mut insert = connection.prepare("INSERT INTO block (data) VALUES (?1)")?;
        for place in &self.blocks {
            if boot.replace(place.boot) != Some(place.boot) {
                stored = SeqRanges::new();
            }
            let mut bytes = vec![0; place.length];
            let Some(file) = files.get(place.source) else { continue };
            file.read_exact_at(&mut bytes, place.at)?;
            let Some(block) = record::open(entry::BLOCK, &bytes).and_then(entry::block) else { continue };
            let fresh: Vec<_> = block.samples.into_iter().filter(|s| stored.insert(s.seq)).collect();
            for packed in entry::pack_blocks(block.boot_id, &fresh)? {
                insert.execute((packed.data,))?;
            }
            healed.samples += fresh.len() as u64;
        }
        for (revision, boot) in self.boots.values() {
            let data = entry::pack_boot(boot, *revision)?;
            connection.execute("INSERT INTO boot (data) VALUES (?1)", (data,))?;
        }
        for (number, text) in &self.events {
            let data = entry::pack_event(*number, text)?;
            connection.execute("INSERT INTO event (data) VALUES (?1)", (data,))?;
        }
        for (key, (revision, value)) in &self.meta {
            let data = entry::pack_meta(*revision, key, value)?;
            connection.execute("INSERT INTO meta VALUES (?1, ?2)", (key, data))?;
        }
        Ok(healed)
    }
}

/// Every whole record in a file, with little memory whatever its size.
fn search(mut file: &File, mut each: impl FnMut(u64, u8, &[u8])) -> io::Result<()> {
    const OVERLAP: usize = HEADER + MAX_BODY;
    let mut buffer = Vec::with_capacity(CHUNK + OVERLAP);
    let mut start = 0;
    // A record that ran past the chunk's end is not searched for others inside it.
    let mut skip = 0;
    loop {
        buffer.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take((CHUNK + OVERLAP) as u64).read_to_end(&mut buffer)?;
        let mut end = CHUNK;
        for found in record::scan(buffer.get(skip..).unwrap_or_default()) {
            let at = skip + found.at;
            if at >= CHUNK {
                break;
            }
            each(start + at as u64, found.kind, found.body);
            end = end.max(at + HEADER + found.body.len());
        }
        if buffer.len() < CHUNK + OVERLAP {
            return Ok(());
        }
        start += CHUNK as u64;
        skip = end - CHUNK;
    }
}

fn aside(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".damaged-{number}"));
    name.into()
}

/// The numbers of the databases set aside, oldest first.
fn numbers_aside(paths: &Paths) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for file in fs::read_dir(paths.folder())? {
        let name = file?.file_name();
        let number: Option<u32> = name.to_str().and_then(|n| n.rsplit_once(".damaged-")?.1.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
