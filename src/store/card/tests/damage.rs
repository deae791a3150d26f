//! Files that are cut, flipped, foreign or gone.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;

/// Every byte in the tests of the shipped build; a sample of them where nothing is optimised.
const STRIDE: usize = if cfg!(debug_assertions) { 37 } else { 1 };

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
