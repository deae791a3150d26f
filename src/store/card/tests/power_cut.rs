//! The power goes at any instant: of writing, and of healing.

use std::os::unix::fs::FileExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

#[test]
fn a_power_cut_at_any_instant_of_writing_loses_nothing_that_was_stored() {
    const TEST: &str = "a_power_cut_at_any_instant_of_writing_loses_nothing_that_was_stored";
    if let Some(dir) = std::env::var_os("EMS_TEST_WRITER") {
        return write_until_killed(Path::new(&dir));
    }
    let dir = folder();
    let mut writer =
        alone(module_path!(), TEST).env("EMS_TEST_WRITER", dir.path()).stdout(Stdio::null()).spawn().unwrap();
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
