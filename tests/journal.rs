//! What the real daemon tells the journal, over the journal's own protocol: a field for each fact, and priorities.
//! `journald` here is a socket of the test's own, mounted in its place; that takes root.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use ems_test_harness::{Bus, Device, PATIENCE, Settings, program};
use tempfile::TempDir;

/// The fields of one entry.
type Entry = BTreeMap<String, String>;

/// Reads an entry (systemd.io, "Native Journal Protocol"): `NAME=value`, or the name, a length and the bytes.
fn parse(mut bytes: &[u8]) -> Entry {
    let mut entry = Entry::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        bytes = rest;
        let line = String::from_utf8(line.to_vec()).unwrap();
        if let Some((name, value)) = line.split_once('=') {
            entry.insert(name.to_owned(), value.to_owned());
        } else {
            let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
            entry.insert(line, String::from_utf8(rest[..length].to_vec()).unwrap());
            bytes = &rest[length + 1..];
        }
    }
    entry
}

/// A daemon whose standard error is, by its environment, the journal.
struct Journal {
    socket: UnixDatagram,
    child: std::process::Child,
    entries: Vec<Entry>,
    dir: TempDir,
}

impl Journal {
    fn of(bus: &Bus, settings: &Settings) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test mounts a journal of its own: run it as root"
        );
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("journal");
        fs::create_dir(&folder).unwrap();
        let socket = UnixDatagram::bind(folder.join("socket")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let path_of = |name: &str| dir.path().join(name).display().to_string();
        let settings =
            settings.clone().with("STATE_DIR", &path_of("state")).with("RUNTIME_DIR", &path_of("run"));
        fs::write(path_of("config.env"), settings.text()).unwrap();
        let stderr = File::create(path_of("stderr")).unwrap();
        let stream = stderr.metadata().map(|file| format!("{}:{}", file.dev(), file.ino())).unwrap();
        let mut command = Command::new("unshare");
        let mount = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind \"$0/journal\" /run/systemd/journal && exec \"$@\"";
        command.args(["--mount", "--", "sh", "-c", mount]).arg(dir.path());
        command.arg(program("ems-edge")).args(["run", "--config"]).arg(path_of("config.env"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("JOURNAL_STREAM", stream);
        let mut command = bus.around(&command);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Self { socket, child, entries: Vec::new(), dir }
    }

    /// Waits for an entry that fits.
    #[track_caller]
    fn wait_for(&mut self, what: &str, fits: impl Fn(&Entry) -> bool) -> Entry {
        let begin = std::time::Instant::now();
        let mut buffer = vec![0; 1 << 16];
        while begin.elapsed() < PATIENCE {
            if let Some(entry) = self.entries.iter().find(|entry| fits(entry)) {
                return entry.clone();
            }
            if let Ok(length) = self.socket.recv(&mut buffer) {
                self.entries.push(parse(&buffer[..length]));
            }
        }
        panic!("{what} did not come: {:#?}", self.entries)
    }

    fn coded(&mut self, code: &str) -> Entry {
        self.wait_for(code, |entry| entry.get("EMS_CODE").is_some_and(|found| found == code))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn entries_have_a_field_for_each_fact_and_a_priority_that_can_be_trusted() {
    let bus = Bus::new("# nobody");
    let device = Device { id: "ems_001".to_owned(), token: "sk_live_Hk2Vt8Qm5Zr0_of_this_test".to_owned() };
    let settings =
        Settings::of(&device).with("SERVER_URL", "ws://127.0.0.1:9").with("SAMPLE_INTERVAL", "200ms");
    let mut journal = Journal::of(&bus, &settings.measuring("ina226", &bus.node(), 8));

    let started = journal.coded("DAEMON_STARTED");
    assert_eq!((started["PRIORITY"].as_str(), started["SYSLOG_IDENTIFIER"].as_str()), ("6", "ems-edge"));
    let lost = journal.coded("SENSOR_LOST");
    assert_eq!((lost["PRIORITY"].as_str(), lost["EMS_ERRNO"].as_str()), ("4", "121"), "{lost:#?}");
    assert!(lost["EMS_SENSOR"].starts_with("INA226 at 0x40 on "), "{lost:#?}");
    assert!(
        lost["MESSAGE"].contains("does not answer") && lost["MESSAGE"].contains("check power"),
        "{lost:#?}"
    );
    assert_eq!(lost["MESSAGE_ID"].len(), 32);
    let link = journal.coded("LINK_DISCONNECTED");
    assert_eq!((link["PRIORITY"].as_str(), link["EMS_LINK"].as_str()), ("4", "127.0.0.1:9"), "{link:#?}");
    bus.set("chip 0x40 ina226 volts=26.6 shunt_mv=7.5");
    let back = journal.coded("SENSOR_RECOVERED");
    assert_eq!(back["PRIORITY"], "6");
    assert_ne!(back["MESSAGE_ID"], lost["MESSAGE_ID"]);

    let all = format!("{:?}", journal.entries);
    assert!(!all.contains("Hk2Vt8Qm5Zr0"), "{all}");
    let stderr = fs::read_to_string(journal.dir.path().join("stderr")).unwrap();
    assert_eq!(stderr, "", "each line goes one way");
}
