use super::*;
use crate::store::codec::tests::day;
use proptest::prelude::*;
use std::os::unix::fs::FileExt;

const BOOT_ID: &str = "0f0f0f0f-0000-4000-8000-000000000001";

fn numbers(runs: &[Run]) -> Vec<(&str, Vec<u64>)> {
    runs.iter().map(|r| (r.boot_id.as_str(), r.samples.iter().map(|s| s.seq - 77_000).collect())).collect()
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
