//! The card under everything that happens to cards.

mod any_life;
mod damage;
mod file_system;
mod keeping;
mod power_cut;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::super::codec::tests::day;
use super::*;

const LIMITS: Limits = Limits { max_bytes: 64 << 20, max_hours: 168 };
const FILES: [&str; 2] = ["card.sqlite", "card.sqlite-wal"];

/// A folder in memory: thousands of durable writes must not wait for a disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").expect("/dev/shm is there on every Linux")
}

fn open(folder: &Path) -> (Card, Vec<Notice>) {
    Card::open(folder, LIMITS)
}

fn run(numbers: std::ops::Range<u64>) -> Vec<Sample> {
    numbers.map(|n| Sample { seq: n, ..day(n) }).collect()
}

/// All that waits, in the order in which it is given.
fn waiting(card: &mut Card) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    let mut cursor = Cursor::default();
    while let Some(chunk) = card.oldest(cursor, 100).unwrap() {
        assert!(!chunk.samples.is_empty() && chunk.samples.len() <= 100);
        all.extend(chunk.samples.iter().map(|s| (chunk.boot_id.clone(), s.seq)));
        cursor = chunk.next;
    }
    all
}

fn numbers(card: &mut Card) -> Vec<u64> {
    waiting(card).into_iter().map(|(_, seq)| seq).collect()
}

fn copy(from: &Path, to: &Path) {
    for name in FILES {
        let _ = fs::remove_file(to.join(name));
        if let Err(error) = fs::copy(from.join(name), to.join(name)) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}");
        }
    }
}

/// A day's worth of offline minutes, some of them confirmed, as a process leaves it that was killed.
fn used_folder(minutes: u64) -> (TempDir, BTreeSet<u64>) {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    for minute in 0..minutes {
        card.push("boot", &run(minute * 60..minute * 60 + 60)).unwrap();
    }
    card.record_events(&["started"]).unwrap();
    card.set_meta("last-good-time", b"1700000000000").unwrap();
    (dir, (0..minutes * 60).collect())
}

/// Runs the test of that module again alone, where it may mount and files have owners even for root. True in there.
fn in_namespace(module: &str, test: &str) -> bool {
    if std::env::var_os("EMS_TEST_NAMESPACE").is_some() {
        return true;
    }
    let this = alone(module, test);
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        // So that a mode binds root too, as it binds the daemon's user.
        .args(["setpriv", "--bounding-set=-dac_override,-dac_read_search"])
        .arg(this.get_program())
        .args(this.get_args())
        .env("EMS_TEST_NAMESPACE", "1")
        .output()
        .expect("this test needs unshare and setpriv (util-linux), and user namespaces");
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && words.contains("1 passed"),
        "{words}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// A process that runs the test of that module and no other.
fn alone(module: &str, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let path = module.split_once("::").unwrap().1;
    command.args(["--exact", "--nocapture", &format!("{path}::{test}")]);
    command
}

/// Opens what a fault has left; the samples, and whether anything was said.
fn survivors(folder: &Path, case: &str) -> (BTreeSet<u64>, Vec<Notice>) {
    let (mut card, notices) = open(folder);
    assert!(card.stats().trouble.is_none(), "{case}: {notices:?}");
    let left = numbers(&mut card).into_iter().collect();
    card.push("boot", &run(1_000_000..1_000_001)).unwrap_or_else(|error| panic!("{case}: {error}"));
    (left, notices)
}
