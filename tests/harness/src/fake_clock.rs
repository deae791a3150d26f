//! A wall clock that a test sets, for one program: libfaketime under it. Its monotonic clocks stay those of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::wrapper::Wrapper;

/// The wall clock of a program, and whether somebody keeps it right.
#[derive(Debug)]
pub struct FakeClock {
    dir: TempDir,
}

impl FakeClock {
    /// A clock that is off by `offset`, such as `-90d` or `+2h`; nobody keeps it right.
    pub fn off_by(offset: &str) -> Self {
        let clock = Self { dir: TempDir::new().expect("a temporary folder") };
        clock.step_to(offset);
        fs::create_dir(clock.timesync()).expect("a folder");
        clock
    }

    /// Steps it.
    pub fn step_to(&self, offset: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, format!("{offset}\n")).expect("a file");
        // Renamed: no program sees half of it.
        fs::rename(new, self.file()).expect("a file");
    }

    /// NTP has set it right, as systemd-timesyncd tells.
    pub fn synchronise(&self) {
        self.step_to("+0");
        fs::write(self.timesync().join("synchronized"), "").expect("a file");
    }

    /// Runs a program under it.
    #[track_caller]
    pub fn wrapper(&self) -> Wrapper {
        let preload = format!("LD_PRELOAD={}", library().display());
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", self.file().display());
        let switches = ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"];
        let mut words = vec![preload.as_str(), file.as_str()];
        words.extend(switches);
        // The machine's own time service says nothing about this clock.
        let run = format!(
            "mount -t tmpfs none /run && mkdir /run/systemd && ln -s {} /run/systemd/timesync",
            self.timesync().display()
        );
        Wrapper::new("env", &words).inside(Wrapper::with_mounts(&run))
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("offset")
    }

    fn timesync(&self) -> PathBuf {
        self.dir.path().join("timesync")
    }
}

#[track_caller]
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("a folder").flatten();
    let found = folders.map(|folder| folder.path().join(Path::new("faketime/libfaketime.so.1")));
    let found = found.into_iter().find(|path| path.is_file());
    found.expect("libfaketime is missing: `scripts/need test` installs it")
}
