//! How many bytes reach the block device for each durable write of one minute's samples, by database and setting.
//!
//! `card-choice CANDIDATE FOLDER STAT FLUSHES` writes FLUSHES blocks of 900 bytes (60 samples) into FOLDER, each
//! durable, and reads the sectors written before and after from STAT (`/sys/block/loopN/stat`). After each flush the
//! whole file system is synced: on a device a minute passes between two flushes, in which the kernel commits what
//! the flush itself left behind (time stamps, sizes).

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::Path;

type Outcome = Result<(), Box<dyn Error>>;

const BLOCK: usize = 900;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [candidate, folder, stat, flushes] = arguments.as_slice() else {
        return Err("usage: card-choice CANDIDATE FOLDER STAT FLUSHES".into());
    };
    let (folder, flushes) = (Path::new(folder), flushes.parse::<u64>()?);
    let mut store = open(candidate, folder)?;
    let device = File::open(folder)?;
    rustix::fs::syncfs(&device)?;
    let (memory, before) = (resident_kib()?, sectors(stat)?);
    let mut noise = 1_u64;
    for _ in 0..flushes {
        store(&block(&mut noise))?;
        rustix::fs::syncfs(&device)?;
    }
    let written = (sectors(stat)? - before) * 512;
    let size: u64 = fs::read_dir(folder)?
        .flatten()
        .filter_map(|f| f.metadata().ok())
        .filter(|m| m.is_file())
        .map(|m| m.len())
        .sum();
    println!(
        "{candidate:28} {:6.1} kB a flush {:6.1} MB a day, files {:5} KiB, memory +{} KiB",
        written as f64 / flushes as f64 / 1e3,
        written as f64 / flushes as f64 * 1440.0 / 1e6,
        size / 1024,
        resident_kib()?.saturating_sub(memory)
    );
    Ok(())
}

/// A name like `append`, `file-preallocated`, `sqlite-wal-4096-64`, `sqlite-truncate-1024`, `redb`, `redb-2pc`.
fn open(candidate: &str, folder: &Path) -> Result<Box<dyn FnMut(&[u8]) -> Outcome>, Box<dyn Error>> {
    let parts: Vec<&str> = candidate.split('-').collect();
    match *parts.as_slice() {
        ["append"] => {
            let mut file = File::create(folder.join("append"))?;
            Ok(Box::new(move |data| Ok(file.write_all(data).and_then(|()| file.sync_data())?)))
        }
        ["file", "preallocated"] => {
            let mut file = File::create(folder.join("file"))?;
            file.write_all(&vec![0; 4 << 20])?;
            file.sync_all()?;
            file.rewind()?;
            Ok(Box::new(move |data| Ok(file.write_all(data).and_then(|()| file.sync_data())?)))
        }
        #[cfg(feature = "sqlite")]
        ["sqlite", journal, page, ref rest @ ..] => sqlite(folder, journal, page, rest.first().copied()),
        #[cfg(feature = "redb")]
        ["redb", ref rest @ ..] => redb(folder, rest == ["2pc"]),
        _ => Err(format!("no candidate {candidate}").into()),
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(
    folder: &Path,
    journal: &str,
    page: &str,
    checkpoint: Option<&str>,
) -> Result<Box<dyn FnMut(&[u8]) -> Outcome>, Box<dyn Error>> {
    let database = rusqlite::Connection::open(folder.join("db"))?;
    database.execute_batch(&format!(
        "PRAGMA page_size={page}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode={journal}; PRAGMA synchronous=FULL; PRAGMA cache_size=16;
         PRAGMA wal_autocheckpoint={}; CREATE TABLE block (id INTEGER PRIMARY KEY, boot INTEGER, first INTEGER, last INTEGER, data BLOB);",
        checkpoint.unwrap_or("1000")
    ))?;
    let mut number = 0;
    Ok(Box::new(move |data| {
        number += 1;
        let mut insert = database.prepare("INSERT INTO block VALUES (?1, 1, ?2, ?3, ?4)")?;
        insert.execute((number, number * 60, number * 60 + 59, data))?;
        Ok(())
    }))
}

#[cfg(feature = "redb")]
fn redb(folder: &Path, two_phase: bool) -> Result<Box<dyn FnMut(&[u8]) -> Outcome>, Box<dyn Error>> {
    const TABLE: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("block");
    let database = redb::Builder::new().set_cache_size(64 * 1024).create(folder.join("db"))?;
    let mut number = 0;
    Ok(Box::new(move |data| {
        number += 1;
        let mut write = database.begin_write()?;
        write.set_two_phase_commit(two_phase);
        write.open_table(TABLE)?.insert(number, data)?;
        Ok(write.commit()?)
    }))
}

fn block(noise: &mut u64) -> Vec<u8> {
    let mut data = Vec::with_capacity(BLOCK + 8);
    while data.len() < BLOCK {
        // xorshift64: incompressible, the same in each run.
        *noise ^= *noise << 13;
        *noise ^= *noise >> 7;
        *noise ^= *noise << 17;
        data.extend_from_slice(&noise.to_le_bytes());
    }
    data.truncate(BLOCK);
    data
}

/// The seventh field: sectors of 512 bytes written (Documentation/block/stat.rst).
fn sectors(stat: &str) -> Result<u64, Box<dyn Error>> {
    let mut text = String::new();
    File::open(stat)?.read_to_string(&mut text)?;
    Ok(text.split_whitespace().nth(6).ok_or("too few fields")?.parse()?)
}

fn resident_kib() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
