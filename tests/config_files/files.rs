//! Which files are read, and which are refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::thread;

use ems_edge::config::load_from;

use crate::{Folder, HANG, TOKEN, good_but, load_text, variables};

#[test]
fn the_first_file_of_the_search_is_read_and_only_that() {
    let place = Folder::new();
    let first = place.file(good_but(&[]));
    let missing = place.folder.path().join("not/there.env");
    let second = place.folder.path().join("second.env");
    fs::write(&second, "nonsense").unwrap();
    let loaded = load_from(None, &[&missing, &first, &second], |_| None).unwrap();
    assert_eq!(loaded.path.as_deref(), Some(first.as_path()));
}

#[test]
fn a_file_that_was_asked_for_must_be_there_and_be_a_file() {
    let place = Folder::new();
    let folder = place.folder.path();
    let pipe = folder.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let large = folder.join("large.env");
    fs::write(&large, "# filler\n".repeat(10_000)).unwrap();
    let itself = folder.join("loop");
    std::os::unix::fs::symlink(&itself, &itself).unwrap();
    for (path, what, remedy) in [
        (folder.join("missing.env"), "does not exist", "copy config.example.env"),
        (folder.to_owned(), "is a directory", "name the file itself"),
        (pipe, "is not a regular file", "name the file itself"),
        (large, "is larger than 64 KiB", "is this the right file?"),
        (itself, "cannot be read", "check the file"),
    ] {
        let (done, loaded) = mpsc::channel();
        let asked_for = path.clone();
        thread::spawn(move || {
            let _ = done.send(load_from(Some(&asked_for), &[], |_| None));
        });
        let mistakes = loaded.recv_timeout(HANG).expect("it does not hang").unwrap_err();
        let text = mistakes.to_string();
        assert_eq!(mistakes.count(), 1, "{text}");
        assert!(
            text.contains(what) && text.contains(remedy) && text.contains(path.to_str().unwrap()),
            "{text}"
        );
    }
}

#[test]
fn a_file_that_every_user_can_read_is_a_warning_if_the_token_is_in_it() {
    let place = Folder::new();
    let path = place.file(good_but(&[]));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = load_from(Some(&path), &[], |_| None).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains(&format!("chmod o-rwx {}", path.display())), "{warnings:?}");

    fs::write(&path, good_but(&["API_TOKEN="])).unwrap();
    let environment = variables(&[("API_TOKEN", TOKEN)]);
    assert_eq!(load_from(Some(&path), &[], environment).unwrap().warnings, Vec::<String>::new());
}

#[test]
fn a_ca_file_is_read_into_certificates() {
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca.pem");
    let loaded = load_text(good_but(&[&format!("CA_FILE={ca}")])).unwrap();
    assert_eq!(loaded.config.ca_file.unwrap().certificates().len(), 1);

    let place = Folder::new();
    let damaged = place.folder.path().join("damaged.pem");
    let pem = fs::read_to_string(ca).unwrap();
    for (text, words) in [
        (pem.replace("-----END", "----END"), "damaged PEM"),
        (pem.replacen("MII", "AAA", 1), "no X.509 certificate"),
        (String::new(), "holds no certificate"),
    ] {
        fs::write(&damaged, text).unwrap();
        let mistakes = load_text(good_but(&[&format!("CA_FILE={}", damaged.display())])).unwrap_err();
        assert!(mistakes.to_string().contains(words), "{words}: {mistakes}");
    }
}

#[test]
fn a_ca_file_without_tls_is_a_warning() {
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca.pem");
    let text = good_but(&["SERVER_URL=ws://127.0.0.1:8080", &format!("CA_FILE={ca}")]);
    assert_eq!(load_text(text).unwrap().warnings, ["CA_FILE is not used: SERVER_URL is without TLS"]);
}

#[test]
fn a_ca_file_that_is_found_only_from_here_is_a_warning_with_the_whole_path() {
    // A test runs in the folder of its package.
    let here = std::env::current_dir().unwrap().join("tests/fixtures/ca.pem");
    let warnings = load_text(good_but(&["CA_FILE=tests/fixtures/ca.pem"])).unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&format!("CA_FILE={}", here.display())), "{warnings:?}");
}
