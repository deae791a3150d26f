//! What the store costs the card, the processor and the memory: `scripts/bench-card day` gives it an empty ext4.
//!
//! `card FOLDER STAT` plays a day offline at 1 Hz and 60 s, the drain after it and a day of SOC anchors in FOLDER, and
//! reads the sectors written from STAT (`/sys/block/loopN/stat`). After each write the whole file system is synced:
//! on a device a minute passes between two, in which the kernel commits what the write left behind.
#![expect(clippy::print_stdout, reason = "prints its figures")]

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use ems_edge::battery::Estimate;
use ems_edge::clock::BootTime;
use ems_edge::sample::{Outcome, Sample, Totals};
use ems_edge::sensor::Reading;
use ems_edge::store::{Card, Cursor, Limits, Spool};
use ems_protocol::State;

type Fallible<T> = Result<T, Box<dyn Error>>;

const LIMITS: Limits = Limits { max_bytes: 64 << 20, max_hours: 168 };
const BOOT: &str = "0f0f0f0f-0000-4000-8000-000000000001";
const MINUTES: u64 = 1440;
const BATCH: usize = 500;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [folder, stat] = arguments.as_slice() else {
        println!("usage: card FOLDER STAT (scripts/bench-card day)");
        return Ok(());
    };
    let folder = Path::new(folder);
    let device = Device { file_system: File::open(folder)?, stat: stat.clone() };

    let empty = device.written()?;
    let (mut card, notices) = Card::open(folder, LIMITS);
    println!(
        "opening a new store      {:9.1} kB, {} notices",
        (device.written()? - empty) / 1e3,
        notices.len()
    );

    let before = device.written()?;
    for minute in 0..MINUTES {
        let samples: Vec<Sample> = (minute * 60..minute * 60 + 60).map(sample).collect();
        card.push(BOOT, &samples)?;
        device.sync()?;
    }
    let written = device.written()? - before;
    let stats = card.stats();
    println!(
        "a day offline            {:9.1} MB, {:.1} kB a flush; {:.1} bytes a sample stored",
        written / 1e6,
        written / 1e3 / MINUTES as f64,
        stats.bytes as f64 / stats.samples as f64
    );
    drop(card);

    let start = Instant::now();
    let (mut card, notices) = Card::open(folder, LIMITS);
    println!(
        "opening it again         {:9.1} ms, {} notices",
        start.elapsed().as_secs_f64() * 1e3,
        notices.len()
    );
    let (memory, before, start) = (resident_kib()?, device.written()?, Instant::now());
    let (mut drained, mut most, mut cursor) = (0, memory, Cursor::default());
    while let Some(chunk) = card.oldest(cursor, BATCH)? {
        card.remove(BOOT, &chunk.samples.iter().map(|s| s.seq).collect())?;
        drained += black_box(chunk.samples).len();
        cursor = chunk.next;
        most = most.max(resident_kib()?);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "the drain of {drained}      {:9.1} MB, {:.0} samples/s, memory +{} KiB",
        (device.written()? - before) / 1e6,
        drained as f64 / seconds,
        most - memory
    );

    let before = device.written()?;
    for anchor in 0..48_u64 {
        card.set_meta("soc-anchor", &[&anchor.to_le_bytes()[..], &[0; 56]].concat())?;
        device.sync()?;
    }
    println!("48 SOC anchors           {:9.2} MB", (device.written()? - before) / 1e6);
    for file in fs::read_dir(folder)?.flatten().filter(|f| f.path().is_file()) {
        println!("{:24} {:9} KiB", file.file_name().display(), file.metadata()?.len() / 1024);
    }
    spool()
}

/// The runtime directory: no card, but a part of every sample.
fn spool() -> Fallible<()> {
    let dir = tempfile::tempdir_in("/dev/shm")?;
    let (mut spool, _, _) = Spool::open(Some(dir.path()), BOOT);
    let start = Instant::now();
    for n in 0..MINUTES * 60 {
        if spool.append(&sample(n)).is_some() {
            return Err("the spool has stopped".into());
        }
        if spool.wants_rewrite(0) && spool.rewrite([]).is_some() {
            return Err("the spool cannot be emptied".into());
        }
    }
    let each = start.elapsed().as_secs_f64() / (MINUTES * 60) as f64;
    println!("a sample to the spool    {:9.2} µs", each * 1e6);
    Ok(())
}

/// A day's course: a load that changes, noise of some steps, a beat that is late by some ms.
fn sample(n: u64) -> Sample {
    let noise = |bits: u32| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits)) as f64;
    let phase = n as f64 / 86_400.0 * std::f64::consts::TAU;
    let load = if n % 600 < 200 { -12.0 } else { 0.0 };
    let current = 20.0 * phase.sin() + load + noise(6) * 0.002;
    let soc = 60.0 + 20.0 * phase.cos();
    let whole = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let totals = Totals {
        energy_in: whole(n / 40),
        energy_out: whole(n / 70),
        to_empty: Some(whole(600 - n / 144)),
        since_sync: Some((whole(n / 3600), whole(n / 900))),
        health: 97,
        ..Totals::default()
    };
    Sample {
        seq: 77_000 + n,
        taken: BootTime(77_123 + n * 1000 + (n.wrapping_mul(0x9E37_79B9) >> 7) % 4),
        outcome: Outcome::Measured {
            reading: Reading {
                voltage: 53.0 + current * 0.01 + noise(5) * 0.004,
                current: Some(current),
                temperature: Some(21.0 + noise(2) * 0.1),
                charge: None,
            },
            estimate: Estimate { soc, low: soc - 4.0, high: soc + 4.0, synced: true },
            state: Some(State::Charging),
            totals: Some(totals),
        },
    }
}

/// The block device below the folder.
struct Device {
    file_system: File,
    stat: String,
}

impl Device {
    fn sync(&self) -> Fallible<()> {
        Ok(rustix::fs::syncfs(&self.file_system)?)
    }

    /// Bytes written to it so far. The seventh field: sectors of 512 bytes (Documentation/block/stat.rst).
    fn written(&self) -> Fallible<f64> {
        self.sync()?;
        let text = fs::read_to_string(&self.stat)?;
        let sectors: u64 = text.split_whitespace().nth(6).ok_or("too few fields")?.parse()?;
        Ok(sectors as f64 * 512.0)
    }
}

fn resident_kib() -> Fallible<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
