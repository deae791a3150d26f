//! The card under everything that happens to cards.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::super::codec::tests::day;
use super::*;

const LIMITS: Limits = Limits { max_bytes: 64 << 20, max_hours: 168 };
/// Every byte in the tests of the shipped build; a sample of them where nothing is optimised.
const STRIDE: usize = if cfg!(debug_assertions) { 37 } else { 1 };
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

/// Runs this test again alone, where it may mount and files have owners even for root. True in there.
fn in_namespace(test: &str) -> bool {
    if std::env::var_os("EMS_TEST_NAMESPACE").is_some() {
        return true;
    }
    let this = alone(test);
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

/// A process that runs this test and no other.
fn alone(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let path = module_path!().split_once("::").unwrap().1;
    command.args(["--exact", "--nocapture", &format!("{path}::{test}")]);
    command
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status().unwrap();
    assert!(status.success(), "cannot mount {arguments:?}: this test needs user namespaces");
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn samples_come_back_in_order_with_their_boots_after_a_kill() {
    let dir = folder();
    let (mut card, notices) = open(dir.path());
    assert_eq!(notices, []);
    card.push("first", &run(100..160)).unwrap();
    card.push("second", &run(5..10)).unwrap();
    card.push("second", &run(10..500)).unwrap();
    drop(card);
    let (mut card, notices) = open(dir.path());
    assert_eq!(notices, []);
    let expected: Vec<_> = (100..160)
        .map(|n| ("first".to_owned(), n))
        .chain((5..500).map(|n| ("second".to_owned(), n)))
        .collect();
    assert_eq!(waiting(&mut card), expected);
    let chunk = card.oldest(Cursor::default(), 7).unwrap().unwrap();
    assert_eq!(chunk.samples.len(), 7);
    let stats = card.stats();
    assert_eq!(
        (stats.samples, stats.oldest.map(|(boot, s)| (boot, s.seq))),
        (555, Some(("first".to_owned(), 100)))
    );
    assert!(stats.span_ms.abs_diff(555_000) < 1000, "{}", stats.span_ms);
}

#[test]
fn what_is_stored_is_not_stored_twice() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    card.push("boot", &run(0..60)).unwrap();
    drop(card);
    let (mut card, _) = open(dir.path());
    card.push("boot", &run(30..90)).unwrap();
    assert_eq!(numbers(&mut card), (0..90).collect::<Vec<_>>());
}

#[test]
fn a_confirmed_part_of_a_block_is_given_no_more_and_after_an_orderly_end_never_again() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    card.push("boot", &run(0..60)).unwrap();
    let chunk = card.oldest(Cursor::default(), 20).unwrap().unwrap();
    assert_eq!(card.remove("boot", &(10..20).collect()).unwrap(), 10);
    assert_eq!(card.remove("boot", &(10..20).collect()).unwrap(), 0);
    assert_eq!(card.remove("other", &(0..60).collect()).unwrap(), 0);
    assert_eq!(card.oldest(chunk.next, 99).unwrap().unwrap().samples.first().unwrap().seq, 20);
    let left: Vec<u64> = (0..10).chain(20..60).collect();
    assert_eq!((numbers(&mut card), card.stats().samples), (left.clone(), 50));
    card.close().unwrap();
    assert_eq!(numbers(&mut open(dir.path()).0), left);
}

#[test]
fn fully_confirmed_blocks_do_not_hide_what_comes_after_them() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    card.push("first", &run(0..60)).unwrap();
    card.push("second", &run(60..120)).unwrap();
    assert_eq!(numbers(&mut card).len(), 120);
    card.remove("first", &(0..60).collect()).unwrap();
    assert_eq!(numbers(&mut card), (60..120).collect::<Vec<_>>());
}

#[test]
fn at_the_limit_in_bytes_the_oldest_go_and_are_counted() {
    let dir = folder();
    let limits = Limits { max_bytes: 100 << 10, ..LIMITS };
    let (mut card, _) = Card::open(dir.path(), limits);
    let mut dropped = Dropped::default();
    for minute in 0..400 {
        let went = card.push("boot", &run(minute * 60..minute * 60 + 60)).unwrap();
        dropped.by_bytes += went.by_bytes;
        dropped.by_hours += went.by_hours;
    }
    let left = numbers(&mut card);
    assert!(dropped.by_bytes > 0 && dropped.by_hours == 0, "{dropped:?}");
    assert_eq!(left, (dropped.by_bytes..24_000).collect::<Vec<_>>());
    let stats = card.stats();
    assert_eq!((stats.dropped, stats.samples), (dropped, left.len() as u64));
    assert!(stats.bytes <= limits.max_bytes && stats.bytes > limits.max_bytes / 2, "{}", stats.bytes);
    assert!(fs::metadata(dir.path().join(FILES[0])).unwrap().len() <= limits.max_bytes + 64 * 1024);
}

#[test]
fn at_the_limit_in_hours_of_sampling_the_oldest_go_and_are_counted() {
    let dir = folder();
    let (mut card, _) = Card::open(dir.path(), Limits { max_hours: 1, ..LIMITS });
    let dropped: u64 = (0..90).map(|m| card.push("boot", &run(m * 60..m * 60 + 60)).unwrap().by_hours).sum();
    assert_eq!(dropped, 30 * 60);
    assert_eq!(numbers(&mut card), (1800..5400).collect::<Vec<_>>());
}

#[test]
fn the_file_does_not_grow_from_one_outage_to_the_next() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    let mut sizes = BTreeSet::new();
    for outage in 0..20_u64 {
        for minute in 0..60 {
            let first = outage * 3600 + minute * 60;
            card.push("boot", &run(first..first + 60)).unwrap();
        }
        assert_eq!(numbers(&mut card).len(), 3600);
        card.remove("boot", &(outage * 3600..outage * 3600 + 3600).collect()).unwrap();
        assert_eq!(card.stats().samples, 0);
        if outage >= 4 {
            sizes.insert(FILES.map(|f| fs::metadata(dir.path().join(f)).unwrap().len()));
        }
    }
    assert_eq!(sizes.len(), 1, "{sizes:?}");
}

#[test]
fn boots_keep_their_order_and_their_clocks() {
    let dir = folder();
    let clock = |offset_ms, quality| BootClock { offset_ms, quality };
    let (mut card, _) = open(dir.path());
    card.set_boot_clock("first", clock(1_700_000_000_000, ClockQuality::Synced)).unwrap();
    card.push("first", &run(0..3)).unwrap();
    card.push("second", &run(0..3)).unwrap();
    card.set_boot_clock("second", clock(5, ClockQuality::Unsynced)).unwrap();
    drop(card);
    let (mut card, _) = open(dir.path());
    assert_eq!(card.boot_clock("first"), Some(clock(1_700_000_000_000, ClockQuality::Synced)));
    card.set_boot_clock("second", clock(9_000, ClockQuality::Server)).unwrap();
    // Not worth a write.
    card.set_boot_clock("second", clock(9_500, ClockQuality::Server)).unwrap();
    assert_eq!(card.boot_clock("second"), Some(clock(9_000, ClockQuality::Server)));
    assert_eq!(card.boot_clock("third"), None);
    drop(card);
    let (mut card, _) = open(dir.path());
    assert_eq!(card.boot_clock("second"), Some(clock(9_000, ClockQuality::Server)));
    // Once their samples are gone, they make way for the next boot.
    waiting(&mut card);
    card.remove("first", &(0..3).collect()).unwrap();
    card.remove("second", &(0..3).collect()).unwrap();
    card.push("third", &run(0..1)).unwrap();
    assert_eq!(card.boot_clock("first"), None);
}

#[test]
fn events_are_kept_up_to_64_kib() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    for n in 0..200 {
        card.record_events(&[&format!("event {n} {}", "x".repeat(1000)), "short"]).unwrap();
    }
    drop(card);
    let events = open(dir.path()).0.events().unwrap();
    assert_eq!(events.last().unwrap(), "short");
    assert!(events[events.len() - 2].starts_with("event 199 "));
    let bytes: usize = events.iter().map(|e| e.len() + 19).sum();
    assert!(bytes <= 64 * 1024 && bytes > 62 * 1024, "{bytes}");
}

#[test]
fn a_named_value_is_the_last_one_written() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    assert_eq!(card.meta("a").unwrap(), None);
    card.set_meta("a", b"1").unwrap();
    card.set_meta("a", b"2").unwrap();
    assert_eq!(card.set_meta("a", &[0; 4000]), Err(CardError::TooLong(4010)));
    drop(card);
    assert_eq!(open(dir.path()).0.meta("a").unwrap().as_deref(), Some(&b"2"[..]));
}

/// Opens what a fault has left; the samples, and whether anything was said.
fn survivors(folder: &Path, case: &str) -> (BTreeSet<u64>, Vec<Notice>) {
    let (mut card, notices) = open(folder);
    assert!(card.stats().trouble.is_none(), "{case}: {notices:?}");
    let left = numbers(&mut card).into_iter().collect();
    card.push("boot", &run(1_000_000..1_000_001)).unwrap_or_else(|error| panic!("{case}: {error}"));
    (left, notices)
}

#[test]
fn a_file_cut_at_any_of_its_last_8_kib_is_healed_without_loss() {
    let (dir, all) = used_folder(200);
    let broken = folder();
    let mut healed = 0;
    for name in FILES {
        let length = fs::metadata(dir.path().join(name)).unwrap().len();
        for cut in (1..=8192).step_by(STRIDE) {
            copy(dir.path(), broken.path());
            let file = fs::File::options().write(true).open(broken.path().join(name)).unwrap();
            file.set_len(length - cut).unwrap();
            let (left, notices) = survivors(broken.path(), &format!("{name} without its last {cut} bytes"));
            assert!(left.is_subset(&all));
            // The log ends in room to spare, and the database's last pages are still in the log.
            assert_eq!(left.len(), all.len(), "{name} without {cut} bytes of {length}: {notices:?}");
            healed += usize::from(notices.iter().any(|n| matches!(n, Notice::CardHealed { .. })));
        }
    }
    assert!(healed > 0, "no cut did any damage");
}

#[test]
fn a_log_cut_anywhere_loses_no_more_than_was_in_it() {
    let (dir, all) = used_folder(30);
    let broken = folder();
    let used = 32 + 40 * 4120;
    for length in (0..used).step_by(509) {
        copy(dir.path(), broken.path());
        let file = fs::File::options().write(true).open(broken.path().join(FILES[1])).unwrap();
        file.set_len(length).unwrap();
        let (left, _) = survivors(broken.path(), &format!("log of {length} bytes"));
        let whole: BTreeSet<u64> = all.iter().copied().take(left.len()).collect();
        assert_eq!(left, whole, "the newest go first");
    }
}

#[test]
fn a_database_that_is_gone_or_foreign_is_replaced_and_what_the_log_holds_is_kept() {
    let foreign = vec![0xAA; 20_000];
    for content in [None, Some(&b""[..]), Some(foreign.as_slice())] {
        let (dir, all) = used_folder(150);
        let path = dir.path().join(FILES[0]);
        match content {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => fs::write(&path, bytes).unwrap(),
        }
        let (left, notices) = survivors(dir.path(), "a foreign database");
        let last_hour: BTreeSet<u64> = (90 * 60..150 * 60).collect();
        assert!(left.is_subset(&all) && left.is_superset(&last_hour), "{} are left", left.len());
        let Some(Notice::CardHealed { samples, events, .. }) = notices.first() else { panic!("{notices:?}") };
        assert_eq!((*samples, *events), (left.len() as u64, 1));
        assert_eq!(open(dir.path()).0.meta("last-good-time").unwrap().unwrap(), b"1700000000000");
    }
}

/// Makes the second leaf of the backlog's tree the first one again: rows vanish and others come twice.
fn hide_a_leaf(paths: &Paths, root: usize) {
    let mut bytes = fs::read(paths.database()).unwrap();
    let page = &mut bytes[(root - 1) * 4096..root * 4096];
    assert_eq!(page[0], 5, "an interior page of a table");
    let cell = |page: &[u8], n: usize| usize::from(u16::from_be_bytes([page[12 + 2 * n], page[13 + 2 * n]]));
    let (first, second) = (cell(page, 0), cell(page, 1));
    page.copy_within(first..first + 4, second);
    fs::write(paths.database(), bytes).unwrap();
}

#[test]
fn a_structure_that_hides_rows_without_an_error_is_damage_too() {
    for running in [false, true] {
        let (dir, all) = used_folder(200);
        let paths = Paths::new(dir.path());
        let connection = database::connect(&paths.database()).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let select = "SELECT rootpage FROM sqlite_schema WHERE name = 'block'";
        let root: u32 = connection.query_row(select, (), |row| row.get(0)).unwrap();
        drop(connection);
        if running {
            let (mut card, _) = open(dir.path());
            // Out of the cache, as it would be after an hour.
            card.open.as_ref().unwrap().connection.execute_batch("PRAGMA shrink_memory").unwrap();
            hide_a_leaf(&paths, root as usize);
            let left: BTreeSet<u64> = numbers(&mut card).into_iter().collect();
            assert_eq!(left, all);
            assert!(matches!(card.take_notices().as_slice(), [Notice::CardHealed { .. }]));
        } else {
            hide_a_leaf(&paths, root as usize);
            let (left, notices) = survivors(dir.path(), "a hidden leaf");
            assert_eq!(left, all);
            assert!(matches!(notices.as_slice(), [Notice::CardHealed { .. }]), "{notices:?}");
        }
    }
}

#[test]
fn a_removal_leaves_the_next_write_durable() {
    let (dir, _) = used_folder(20);
    let (mut card, _) = open(dir.path());
    numbers(&mut card);
    assert_eq!(card.remove("boot", &(0..1200).collect()).unwrap(), 1200);
    let connection = &card.open.as_ref().unwrap().connection;
    let synchronous: i64 = connection.query_row("PRAGMA synchronous", (), |row| row.get(0)).unwrap();
    assert_eq!(synchronous, 2, "FULL");
}

#[test]
fn damaged_databases_are_set_aside_two_at_most() {
    let dir = folder();
    for round in 0..5 {
        fs::write(dir.path().join(FILES[0]), vec![7; 5000]).unwrap();
        let (_, notices) = open(dir.path());
        let Some(Notice::CardHealed { aside, .. }) = notices.first() else { panic!("{notices:?}") };
        assert_eq!(aside, &dir.path().join(format!("card.sqlite.damaged-{}", round + 1)));
        assert!(aside.exists());
    }
    let names = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let aside: BTreeSet<_> = names.filter(|n| n.starts_with("card.sqlite.damaged-")).collect();
    assert_eq!(aside.len(), 2, "{aside:?}");
}

#[test]
fn a_power_cut_while_it_heals_costs_nothing() {
    let (dir, all) = used_folder(50);
    let paths = Paths::new(dir.path());
    // Healing has come as far as the second name, and further step by step.
    for moved in 0..=2 {
        let broken = folder();
        copy(dir.path(), broken.path());
        let at = Paths::new(broken.path());
        salvage::heal(&at).unwrap();
        fs::rename(at.database(), at.healed()).unwrap();
        let files = [at.log(), at.database()];
        for (index, path) in files.iter().enumerate() {
            if index >= moved {
                fs::copy(dir.path().join(path.file_name().unwrap()), path).unwrap();
            }
        }
        assert_eq!(survivors(broken.path(), "exchange").0, all);
    }
    fs::write(paths.unfinished(), "half of it").unwrap();
    assert_eq!(survivors(dir.path(), "unfinished").0, all);
}

#[test]
fn flipped_bytes_cost_at_most_the_pages_they_hit_and_are_reported() {
    let (dir, all) = used_folder(300);
    let broken = folder();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 0..400 {
        let flips = prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 1..=255u8), 1..4);
        let flips = flips.new_tree(&mut runner).unwrap().current();
        let _ = fs::remove_dir_all(broken.path());
        fs::create_dir(broken.path()).unwrap();
        copy(dir.path(), broken.path());
        for (log, at, mask) in &flips {
            let path = broken.path().join(FILES[usize::from(*log)]);
            let mut bytes = fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            fs::write(&path, bytes).unwrap();
        }
        let (left, notices) = survivors(broken.path(), &format!("case {case}: {flips:?}"));
        let lost = all.difference(&left).count();
        assert!(lost <= flips.len() * 5 * 60, "case {case}: {flips:?} cost {lost}: {notices:?}");
        assert!(lost == 0 || !notices.is_empty(), "case {case}: {flips:?} cost {lost} without a word");
    }
}

#[test]
fn damage_that_shows_while_it_runs_is_healed_without_a_restart() {
    let (dir, all) = used_folder(300);
    let (mut card, _) = open(dir.path());
    // All but the first and the last page, under the open database.
    let path = dir.path().join(FILES[0]);
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len() - 4096;
    for page in bytes[4096..end].chunks_mut(4096).step_by(7) {
        page[..12].fill(0xFF);
    }
    fs::write(&path, bytes).unwrap();
    let left: BTreeSet<u64> = numbers(&mut card).into_iter().collect();
    assert!(matches!(card.take_notices().as_slice(), [Notice::CardHealed { .. }]));
    assert_eq!(left, all);
    card.push("boot", &run(1_000_000..1_000_060)).unwrap();
}

#[test]
fn a_power_cut_at_any_instant_of_writing_loses_nothing_that_was_stored() {
    const TEST: &str = "a_power_cut_at_any_instant_of_writing_loses_nothing_that_was_stored";
    if let Some(dir) = std::env::var_os("EMS_TEST_WRITER") {
        return write_until_killed(Path::new(&dir));
    }
    let dir = folder();
    let mut writer = alone(TEST).env("EMS_TEST_WRITER", dir.path()).stdout(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_child(&writer);
    let cut = folder();
    let mut instants = 0;
    while instants < 200 {
        // The process stands still between two of its instructions: what the files hold now is what a power cut leaves.
        kill_process(pid, Signal::STOP).unwrap();
        while !fs::read_to_string(format!("/proc/{}/stat", writer.id())).unwrap().contains(") T ") {
            assert_eq!(writer.try_wait().unwrap(), None, "the writer has ended");
            std::thread::yield_now();
        }
        let progress = fs::read_to_string(dir.path().join("progress")).unwrap_or_default();
        copy(dir.path(), cut.path());
        kill_process(pid, Signal::CONT).unwrap();
        let numbers: Option<(u64, u64)> =
            progress.trim().split_once(' ').map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap()));
        let Some((confirmed, stored)) = numbers.filter(|(_, stored)| *stored > 0) else { continue };
        instants += 1;
        let (left, notices) = survivors(cut.path(), &format!("instant {instants}"));
        let lost = (confirmed..stored).filter(|n| !left.contains(n)).count();
        assert_eq!(lost, 0, "instant {instants}, {confirmed} to {stored}: {notices:?}");
        let healed = notices.iter().any(|n| matches!(n, Notice::CardHealed { .. }));
        assert!(!healed, "a power cut damages nothing: {notices:?}");
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
}

/// Minutes without connection, and now and then one in which all of it is sent. Ends by itself some time.
fn write_until_killed(dir: &Path) {
    let (mut card, _) = open(dir);
    let progress = fs::File::create(dir.join("progress")).unwrap();
    let note = |confirmed: u64, stored: u64| {
        progress.write_all_at(format!("{confirmed:020} {stored:020}").as_bytes(), 0).unwrap();
    };
    let mut confirmed = 0;
    for minute in 1..100_000_u64 {
        card.push("boot", &run(minute * 60 - 60..minute * 60)).unwrap();
        note(confirmed, minute * 60);
        if minute % 150 == 0 {
            let given = numbers(&mut card);
            let some = given.len() as u64 * 3 / 4;
            note(confirmed + some, minute * 60);
            card.remove("boot", &(confirmed..confirmed + some).collect()).unwrap();
            confirmed += some;
        }
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
}

#[test]
fn a_full_disk_is_said_in_words_and_ends_when_there_is_room() {
    if !in_namespace("a_full_disk_is_said_in_words_and_ends_when_there_is_room") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "-o", "size=2M", "tmpfs"], dir.path());
    let (mut card, notices) = open(dir.path());
    assert_eq!(notices, []);
    card.push("boot", &run(0..60)).unwrap();
    let ballast = dir.path().join("ballast");
    let _ = fs::write(&ballast, vec![1; 4 << 20]);
    let mut pushed = 60;
    let error = loop {
        match card.push("boot", &run(pushed..pushed + 60)) {
            Ok(_) => pushed += 60,
            Err(error) => break error,
        }
        assert!(pushed < 60_000, "the disk never filled up");
    };
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(card.push("boot", &run(pushed..pushed + 60)), Err(CardError::Full));
    assert!(matches!(card.take_notices().as_slice(), [Notice::CardUnusable { .. }]), "said once");
    assert_eq!(numbers(&mut card), (0..pushed).collect::<Vec<_>>(), "what is stored can be read and sent");
    drop(card);
    let (mut card, _) = open(dir.path());
    assert_eq!(numbers(&mut card), (0..pushed).collect::<Vec<_>>());
    let _ = card.push("boot", &run(pushed..pushed + 60));
    fs::remove_file(ballast).unwrap();
    card.push("boot", &run(pushed..pushed + 60)).unwrap();
    assert!(matches!(card.take_notices().last(), Some(Notice::CardWorks { .. })));
    assert_eq!(numbers(&mut card), (0..pushed + 60).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_is_full_from_the_start_is_said_in_words_and_ends_when_there_is_room() {
    if !in_namespace("a_disk_that_is_full_from_the_start_is_said_in_words_and_ends_when_there_is_room") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "-o", "size=1M", "tmpfs"], dir.path());
    let ballast = dir.path().join("ballast");
    let _ = fs::write(&ballast, vec![1; 2 << 20]);
    let (mut card, notices) = open(dir.path());
    assert!(notices.iter().any(|n| n.to_string().contains("the disk is full")), "{notices:?}");
    assert_eq!(card.push("boot", &run(0..60)), Err(CardError::Full));
    assert_eq!(card.take_notices(), []);
    fs::remove_file(ballast).unwrap();
    card.push("boot", &run(0..60)).unwrap();
    assert!(matches!(card.take_notices().as_slice(), [Notice::CardWorks { .. }]));
    assert_eq!(numbers(&mut card), (0..60).collect::<Vec<_>>());
}

#[test]
fn a_read_only_file_system_is_said_in_words_and_ends_when_it_is_writable() {
    if !in_namespace("a_read_only_file_system_is_said_in_words_and_ends_when_it_is_writable") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "tmpfs"], dir.path());
    let (mut card, _) = open(dir.path());
    card.push("boot", &run(0..60)).unwrap();
    drop(card);
    mount(&["-o", "remount,ro"], dir.path());
    let (mut card, notices) = open(dir.path());
    let [Notice::CardUnusable { why, .. }] = notices.as_slice() else { panic!("{notices:?}") };
    assert!(why.contains("mount it writable"), "{why}");
    card.push("boot", &run(60..120)).unwrap_err();
    assert_eq!((card.take_notices(), card.stats().samples), (vec![], 0));
    mount(&["-o", "remount,rw"], dir.path());
    card.push("boot", &run(60..120)).unwrap();
    assert!(matches!(card.take_notices().as_slice(), [Notice::CardWorks { .. }]));
    assert_eq!(numbers(&mut card), (0..120).collect::<Vec<_>>());
}

#[test]
fn a_folder_of_another_owner_is_said_in_words() {
    if !in_namespace("a_folder_of_another_owner_is_said_in_words") {
        return;
    }
    let dir = folder();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let (mut card, notices) = open(dir.path());
    let [Notice::CardUnusable { why, .. }] = notices.as_slice() else { panic!("{notices:?}") };
    assert!(why.contains("belong to the daemon's user"), "{why}");
    card.push("boot", &run(0..1)).unwrap_err();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    card.push("boot", &run(0..1)).unwrap();
    fs::set_permissions(dir.path().join(FILES[0]), fs::Permissions::from_mode(0o0)).unwrap();
    let (_, notices) = open(dir.path());
    assert!(notices[0].to_string().contains("belong to the daemon's user"), "{notices:?}");
}

#[test]
fn a_day_of_backlog_is_read_and_removed_in_little_memory() {
    if !in_namespace("a_day_of_backlog_is_read_and_removed_in_little_memory") {
        return;
    }
    let dir = folder();
    let (mut card, _) = open(dir.path());
    for minute in 0..1440 {
        card.push("boot", &run(minute * 60..minute * 60 + 60)).unwrap();
    }
    drop(card);
    let (mut card, _) = open(dir.path());
    let before = resident_kib();
    let (mut most, mut read, mut cursor) = (0, 0, Cursor::default());
    while let Some(chunk) = card.oldest(cursor, 500).unwrap() {
        read += chunk.samples.len();
        card.remove("boot", &chunk.samples.iter().map(|s| s.seq).collect()).unwrap();
        cursor = chunk.next;
        most = most.max(resident_kib());
    }
    assert_eq!((read, card.stats().samples), (86_400, 0));
    assert!(most.saturating_sub(before) < 1024, "{before} KiB grew to {most} KiB");
}

#[derive(Debug, Clone)]
enum Step {
    Push(u64),
    Boot,
    Confirm { skip: usize, count: usize },
    Kill,
    Copy,
    Close,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..150u64).prop_map(Step::Push),
        1 => Just(Step::Boot),
        4 => (0..40usize, 1..200usize).prop_map(|(skip, count)| Step::Confirm { skip, count }),
        1 => Just(Step::Kill),
        1 => Just(Step::Copy),
        1 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn whatever_happens_every_unconfirmed_sample_is_there_once(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut dir = folder();
        let mut card = open(dir.path()).0;
        let (mut boot, mut next) = (0, 0);
        let mut unconfirmed: BTreeSet<(String, u64)> = BTreeSet::new();
        let mut confirmed: BTreeSet<(String, u64)> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Push(count) => {
                    let name = format!("boot-{boot}");
                    card.push(&name, &run(next..next + count)).unwrap();
                    unconfirmed.extend((next..next + count).map(|n| (name.clone(), n)));
                    next += count;
                }
                Step::Boot => boot += 1,
                Step::Confirm { skip, count } => {
                    let given = waiting(&mut card);
                    for (boot, seq) in given.into_iter().skip(skip).take(count) {
                        prop_assert_eq!(card.remove(&boot, &std::iter::once(seq).collect()).unwrap(), 1);
                        unconfirmed.remove(&(boot.clone(), seq));
                        confirmed.insert((boot, seq));
                    }
                }
                Step::Close => {
                    card.close().unwrap();
                    confirmed.clear();
                    card = open(dir.path()).0;
                }
                Step::Kill | Step::Copy => {
                    if matches!(step, Step::Copy) {
                        let other = folder();
                        copy(dir.path(), other.path());
                        dir = other;
                    }
                    drop(card);
                    card = open(dir.path()).0;
                    // What was confirmed just before may come again: the cloud knows it.
                    let there: BTreeSet<_> = waiting(&mut card).into_iter().collect();
                    prop_assert!(there.iter().all(|s| unconfirmed.contains(s) || confirmed.contains(s)));
                    prop_assert!(unconfirmed.is_subset(&there));
                    unconfirmed = there;
                }
            }
            let given = waiting(&mut card);
            prop_assert_eq!(card.stats().samples, given.len() as u64);
            prop_assert_eq!(given.len(), unconfirmed.len());
            prop_assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), unconfirmed.clone());
            prop_assert_eq!(card.take_notices(), vec![]);
        }
    }
}
