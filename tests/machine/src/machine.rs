//! One machine.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use ems_test_harness::{Finished, Process, program, repository, run, until};
use tempfile::TempDir;

use crate::frozen::Frozen;
use crate::groups;
use crate::package::Package;
use crate::port::Port;
use crate::processes;

/// A Debian that has booted; it ends when dropped. A failed test shows the journal of `ems-edge`.
#[derive(Debug)]
pub struct Machine {
    process: Process,
    init: u32,
    name: String,
    ports: Vec<Port>,
    dir: TempDir,
}

/// Prefix of the names of machines and of their control groups.
const NAME: &str = "ems-machine";
/// The service that most tests are about.
const EDGE: &str = "ems-edge";
const PATH: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

impl Machine {
    /// Boots a machine with the chips of `bus` behind `/dev/i2c-1` (the control file of `i2c-bus`).
    #[track_caller]
    pub fn boot(bus: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let dir = TempDir::new().expect("a temporary folder");
        let control = dir.path().join("bus");
        fs::write(&control, format!("{bus}\n")).expect("a control file");
        let folder = dir.path().join("mounts");
        fs::create_dir(&folder).expect("a folder");
        let name = format!("{NAME}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));

        // Nothing of it outlives this thread, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare"]);
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh"]);
        command.arg(repository().join("tests/machine/src/boot.sh"));
        command.args([&image(), &folder]).arg(&name).arg(program("i2c-bus")).arg(&control);
        let process = Process::start("the machine", command, &dir.path().join("console"));
        let mut machine = Self { process, init: 0, name, ports: Vec::new(), dir };
        machine.wait_until_it_runs();
        machine
    }

    /// A machine on which the package is installed.
    #[track_caller]
    pub fn with_package(bus: &str) -> Self {
        let machine = Self::boot(bus);
        machine.install(Package::built());
        machine
    }

    /// Installs a package with apt.
    #[track_caller]
    pub fn install(&self, package: &Package) -> String {
        self.copy_in(package.path(), "/root/package.deb");
        self.succeed("apt-get install --yes --quiet /root/package.deb")
    }

    /// Runs a shell command as root. It has no I2C bus: see [`Self::service`].
    #[track_caller]
    pub fn shell(&self, script: &str) -> Finished {
        run(self.command(&["sh", "-c", script]))
    }

    /// As [`Self::shell`]; fails the test unless the command succeeds. Gives its standard output.
    #[track_caller]
    pub fn succeed(&self, script: &str) -> String {
        self.shell(script).expect_success(script)
    }

    /// Runs a shell command in a service of its own with these properties (`systemd-run --property`), on the machine's
    /// bus.
    #[track_caller]
    pub fn service(&self, properties: &[&str], script: &str) -> Finished {
        let mut words = vec!["systemd-run", "--quiet", "--wait", "--pipe", "--collect"];
        for property in properties {
            words.extend(["--property", property]);
        }
        words.extend(["sh", "-c", script]);
        run(self.command(&words))
    }

    /// One property of the service `ems-edge`.
    #[track_caller]
    pub fn property(&self, name: &str) -> String {
        self.property_of(EDGE, name)
    }

    /// One property of a service.
    #[track_caller]
    pub fn property_of(&self, unit: &str, name: &str) -> String {
        self.succeed(&format!("systemctl show --value --property={name} {unit}")).trim().to_owned()
    }

    /// Waits until a property of the service `ems-edge` fits, and gives it.
    #[track_caller]
    pub fn wait_property(&self, name: &str, fits: impl Fn(&str) -> bool) -> String {
        self.wait_property_of(EDGE, name, fits)
    }

    /// Waits until a property of a service fits, and gives it.
    #[track_caller]
    pub fn wait_property_of(&self, unit: &str, name: &str, fits: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        until(&format!("a {name} of {unit} that fits"), || {
            last = self.property_of(unit, name);
            fits(&last).then(|| last.clone())
        })
    }

    /// What `ems-edge` has written to the journal.
    #[track_caller]
    pub fn journal(&self) -> String {
        self.succeed("journalctl --no-pager --output=short --unit=ems-edge")
    }

    /// Waits until the journal of `ems-edge` contains `words`.
    #[track_caller]
    pub fn wait_journal(&self, words: &str) {
        until(&format!("{words:?} in the journal"), || self.journal().contains(words).then_some(()));
    }

    /// Makes the port of our loopback the machine's too.
    #[track_caller]
    pub fn open_port(&mut self, address: SocketAddr) {
        self.ports.push(Port::open(self.init, address));
    }

    /// Takes all ports away; connections that stand go on.
    pub fn close_ports(&mut self) {
        self.ports.clear();
    }

    /// Waits until the machine has rebooted: the next one with the same disk. Its ports are closed.
    #[track_caller]
    pub fn wait_reboot(&mut self) {
        self.wait_until_it_runs();
        self.ports.clear();
    }

    /// Replaces the control file of the bus.
    pub fn set_bus(&self, control: &str) {
        let new = self.dir.path().join("bus.new");
        fs::write(&new, format!("{control}\n")).expect("a control file");
        // Renamed: the bus never sees half of it.
        fs::rename(new, self.dir.path().join("bus")).expect("a control file");
    }

    /// Where a file of the machine is seen from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.init))
    }

    /// Copies a file into the machine.
    #[track_caller]
    pub fn copy_in(&self, from: &Path, inside: &str) {
        fs::copy(from, self.path(inside)).unwrap_or_else(|error| panic!("{inside}: {error}"));
    }

    /// Writes a file of the machine, in a folder that is made if need be; one that exists keeps its owner and mode.
    #[track_caller]
    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        let is_new = !path.exists();
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{inside}: {error}"));
        if is_new {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
        }
    }

    /// Reads a file of the machine.
    #[track_caller]
    pub fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap_or_else(|error| panic!("{inside}: {error}"))
    }

    /// Freezes the thread `name` of the service `ems-edge`.
    #[track_caller]
    pub fn freeze(&self, name: &str) -> Frozen {
        self.freeze_of(EDGE, name)
    }

    /// Freezes the thread `name` of a service.
    #[track_caller]
    pub fn freeze_of(&self, unit: &str, name: &str) -> Frozen {
        let inside = self.property_of(unit, "MainPID").parse().expect("a number");
        let pid = processes::from_inside(self.init, inside).expect("the service runs");
        let [thread] = processes::threads(pid, name)[..] else { panic!("no thread is called {name}") };
        Frozen::thread(thread)
    }

    /// The names of its control groups, for who looks whether it has left something behind.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.init.to_string());
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--"]);
        command.args(["env", "-i", PATH, "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"]).args(words);
        command
    }

    #[track_caller]
    fn wait_until_it_runs(&mut self) {
        let before = self.init;
        self.init = until("the machine's first process", || {
            assert!(self.process.is_running(), "the machine ended while it booted; tests of it need root");
            processes::init_of_machine(self.process.id()).filter(|init| *init != before)
        });
        until("the machine to boot", || {
            let state = run(self.command(&["systemctl", "is-system-running"]));
            ["running", "degraded"].contains(&state.stdout.trim()).then_some(())
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() && self.init != 0 {
            let journal = run(self.command(&["journalctl", "--no-pager", "--lines=60", "--unit=ems-*"]));
            eprintln!("--- journal of {} ---\n{}---", self.name, journal.stdout);
        }
        self.ports.clear();
        self.process.kill();
        groups::remove(&self.name);
    }
}

/// The root file system that every machine starts from.
fn image() -> PathBuf {
    let image = repository().join(".cache/machine/root");
    assert!(image.is_dir(), "{} is missing: run scripts/test-machine", image.display());
    image.canonicalize().expect("a folder")
}
