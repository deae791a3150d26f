//! `ems-edge doctor`, one injected fault at a time: it names the one check that is about it, with the finding's stable
//! code, a remedy and the right exit status, whether the daemon runs or not. The table of `docs/doctor.md` is this one.
//!
//! Machine-wide things (`/sys`, `/boot`, `/etc/resolv.conf`, a full file system) are injected in a mount namespace of
//! the test's own: the doctor that is run is the one that is shipped. That takes root.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod connection;
mod in_order;
mod machine;
mod wiring;

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use ems_test_harness::{Bus, Cloud, Device, Edge, Finished, Settings, program, run, until};
use serde_json::Value;
use tempfile::TempDir;

/// The part of the tokens by which a leak is recognised.
const SECRET: &str = "Hk2Vt8Qm5Zr0";

const TOKEN: &str = "sk_live_Hk2Vt8Qm5Zr0_of_this_test";

/// A pack of 8 cells that is charged with 10 A.
const WELL: &str = "chip 0x40 ina226 volts=26.6 shunt_mv=7.5";

/// Something does not work; a look is deserved.
const FAILED: i32 = 1;

const WARNING: i32 = 2;

/// A device whose daemon does not run.
struct Site {
    dir: TempDir,
    bus: Bus,
    settings: Settings,
}

impl Site {
    fn new(settings: Settings) -> Self {
        let (dir, bus) = (TempDir::new().unwrap(), Bus::new(WELL));
        let path_of = |name: &str| dir.path().join(name).display().to_string();
        let settings = settings
            .measuring("ina226", &bus.node(), 8)
            .with("STATE_DIR", &path_of("state"))
            .with("RUNTIME_DIR", &path_of("run"));
        Self { dir, bus, settings }
    }

    /// One that reports to `cloud`.
    fn of(cloud: &Cloud) -> Self {
        Self::new(Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()))
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.settings = self.settings.with(key, value);
        self
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// `ems-edge doctor` after the shell commands `prepare`, in a mount namespace of its own.
    fn doctor_after(&self, prepare: &str, words: &str) -> Finished {
        assert!(rustix::process::geteuid().is_root(), "this test mounts file systems: run it as root");
        let config = self.dir.path().join("config.env");
        if !config.exists() {
            write_secret(&config, &self.settings.text());
        }
        let mut command = Command::new("unshare");
        // The folder of this test, as $0, is where a script finds its files.
        command.args(["--mount", "--", "sh", "-c", &format!("set -e\n{prepare}\nexec \"$@\"")]);
        command.arg(self.dir.path()).arg(program("ems-edge")).arg("doctor");
        command.args(words.split_whitespace()).arg("--config").arg(config);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        run(self.bus.around(&command))
    }

    fn examine_after(&self, prepare: &str) -> Diagnosis {
        Diagnosis::of(&self.doctor_after(prepare, "--json"))
    }

    fn examine(&self) -> Diagnosis {
        self.examine_after(":")
    }

    /// The same site with its daemon running.
    fn start(&self) -> Edge {
        self.start_with("1s")
    }

    /// With so much time between two samples.
    fn start_with(&self, interval: &str) -> Edge {
        Edge::start_on(&self.bus, &self.settings.clone().with("SAMPLE_INTERVAL", interval))
    }
}

fn write_secret(path: &Path, text: &str) {
    let file = fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

/// What the doctor says, as a program reads it.
#[derive(Debug)]
struct Diagnosis {
    status: i32,
    report: Value,
}

impl Diagnosis {
    #[track_caller]
    fn of(finished: &Finished) -> Self {
        assert!(!finished.stdout.contains(SECRET) && !finished.stderr.contains(SECRET), "{finished:?}");
        let report = serde_json::from_str(&finished.stdout);
        Self { status: finished.status, report: report.unwrap_or_else(|_| panic!("no JSON: {finished:?}")) }
    }

    fn checks(&self) -> &[Value] {
        self.report["checks"].as_array().unwrap()
    }

    fn codes(&self, status: &str) -> Vec<&str> {
        let of_status = |check: &&Value| check["status"] == status;
        self.checks().iter().filter(of_status).map(|check| check["code"].as_str().unwrap()).collect()
    }

    #[track_caller]
    fn of_check(&self, id: &str) -> &Value {
        self.checks().iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id}"))
    }

    /// It finds this alone, and says what to do.
    #[track_caller]
    fn names(&self, code: &str, remedy: &str) {
        assert_eq!(self.codes("failed"), [code], "{self:#?}");
        assert_eq!(self.status, FAILED, "{self:#?}");
        let id = code.split('.').next().unwrap();
        let said = self.of_check(id)["remedy"].as_str().unwrap();
        assert!(said.contains(remedy), "{code}: {remedy:?} is not in {said:?}");
    }

    /// Nothing is wrong.
    #[track_caller]
    fn is_well(&self) {
        assert!(self.codes("failed").is_empty() && self.codes("warning").is_empty(), "{self:#?}");
        assert_eq!(self.status, 0, "{self:#?}");
    }
}

/// Asks until the running daemon has noticed.
#[track_caller]
fn examine_until(edge: &Edge, what: &str, fits: impl Fn(&Diagnosis) -> bool) -> Diagnosis {
    until(what, || {
        let diagnosis = Diagnosis::of(&run(edge.subcommand("doctor --json")));
        fits(&diagnosis).then_some(diagnosis)
    })
}

#[track_caller]
fn until_it_names(edge: &Edge, code: &str, remedy: &str) -> Diagnosis {
    let named = examine_until(edge, code, |diagnosis| diagnosis.codes("failed").contains(&code));
    named.names(code, remedy);
    named
}

/// Settings for a server at which nothing is to be had.
fn somewhere(address: SocketAddr) -> Settings {
    let device = Device { id: "ems_001".to_owned(), token: TOKEN.to_owned() };
    Settings::of(&device).with("SERVER_URL", &format!("ws://{address}"))
}
