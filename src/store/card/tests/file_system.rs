//! A file system that is full or read only, or belongs to somebody else.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_full_disk_is_said_in_words_and_ends_when_there_is_room() {
    if !in_namespace(module_path!(), "a_full_disk_is_said_in_words_and_ends_when_there_is_room") {
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
    if !in_namespace(
        module_path!(),
        "a_disk_that_is_full_from_the_start_is_said_in_words_and_ends_when_there_is_room",
    ) {
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
    if !in_namespace(module_path!(), "a_read_only_file_system_is_said_in_words_and_ends_when_it_is_writable")
    {
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
    if !in_namespace(module_path!(), "a_folder_of_another_owner_is_said_in_words") {
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

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status().unwrap();
    assert!(status.success(), "cannot mount {arguments:?}: this test needs user namespaces");
}
