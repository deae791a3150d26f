//! The real `ems-cloud`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::api::Api;
use crate::process::{Process, run};
use crate::programs::{example, program};
use crate::wrapper::Wrapper;

/// The first administrator of every cloud in the tests.
pub const ADMIN: &str = "admin";

/// A server with a data folder and ports of its own; killed when dropped.
#[derive(Debug)]
pub struct Cloud {
    process: Process,
    tls: SocketAddr,
    plain: SocketAddr,
    device: Device,
    password: String,
    /// Made once: the server slows down those who log in often.
    api: OnceLock<Api>,
    dir: TempDir,
}

/// A device as the cloud has registered it.
#[derive(Debug, Clone)]
pub struct Device {
    /// `DEVICE_ID`.
    pub id: String,
    /// `API_TOKEN`.
    pub token: String,
}

impl Cloud {
    /// A server that knows the device `ems_001`.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into())
    }

    /// The same, listening for TLS at an address of this machine.
    #[track_caller]
    pub fn start_at(address: IpAddr) -> Self {
        Self::start_with(address, &Wrapper::default())
    }

    /// The same, set up under `wrapper`: its certificate is made by another clock.
    #[track_caller]
    pub fn start_with(address: IpAddr, wrapper: &Wrapper) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let password = "correct-horse-battery-staple".to_owned();
        let password_file = dir.path().join("password");
        fs::write(&password_file, &password).expect("a password file");
        let mut init = ems_cloud(&dir, "init");
        init.args(["--admin", ADMIN, "--admin-password-file"]).arg(&password_file);
        init.args(["--host", &address.to_string()]);
        run(wrapper.around(&init)).expect_success("ems-cloud init");
        let device = add_device(&dir, "ems_001");
        let free = |address| SocketAddr::new(address, 0);
        let mut process = serve(&dir, free(address), free(Ipv4Addr::LOCALHOST.into()), &Wrapper::default());
        let (tls, plain) = addresses(&mut process);
        Self { process, tls, plain, device, password, api: OnceLock::new(), dir }
    }

    /// The device `ems_001`.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Registers one more device.
    #[track_caller]
    pub fn add_device(&self, id: &str) -> Device {
        add_device(&self.dir, id)
    }

    /// Turns a device away from now on.
    #[track_caller]
    pub fn disable_device(&self, id: &str) {
        let mut disable = ems_cloud(&self.dir, "device disable");
        disable.arg(id);
        run(disable).expect_success("ems-cloud device disable");
    }

    /// Where it listens for TLS.
    pub fn tls(&self) -> SocketAddr {
        self.tls
    }

    /// Where it listens without TLS, on loopback.
    pub fn plain(&self) -> SocketAddr {
        self.plain
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The page's address and the origin of its sockets.
    pub fn origin(&self) -> String {
        format!("http://{}", self.plain)
    }

    /// The certificate of its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.data_dir().join("ca.pem")
    }

    /// Its data folder.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.dir)
    }

    /// Password of [`ADMIN`].
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The HTTP interface, logged in as [`ADMIN`].
    #[track_caller]
    pub fn api(&self) -> &Api {
        self.api.get_or_init(|| Api::log_in(self.plain, ADMIN, &self.password))
    }

    /// Resident memory in KiB.
    #[track_caller]
    pub fn resident_kib(&self) -> u64 {
        self.process.resident_kib()
    }

    /// What it has logged since its last start.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Gives the device `ems_001` a year that ended at the last midnight (UTC), stored and sealed by the server's own code: in
    /// steps of 5 min, before the last month in each eighth hour only, and the last day in seconds.
    #[track_caller]
    pub fn live_through_a_year(&mut self) {
        assert!(self.stop().success(), "ems-cloud ends");
        // Each of its thousands of hours is made durable, which in memory takes no time.
        let memory = Path::new("/dev/shm");
        let fast = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let fast = fast.expect("a temporary folder");
        let [database, made] = [self.data_dir(), fast.path().to_owned()].map(|folder| folder.join("ems.db"));
        fs::copy(&database, &made).expect("a copy of the database");
        let mut year = Command::new(example("year"));
        year.arg(&made).args(["ems_001", "365", "300", "8"]);
        run(year).expect_success("a year of history");
        assert!(
            !made.with_extension("db-wal").exists(),
            "the store has left something outside of its database"
        );
        fs::copy(&made, &database).expect("the database");
        self.start_again();
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop()
    }

    /// Ends it without asking.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it anew on the same ports, after [`Self::stop`] or [`Self::kill`].
    #[track_caller]
    pub fn start_again(&mut self) {
        self.start_again_under(&Wrapper::default());
    }

    /// As [`Self::start_again`], this once under a wrapper.
    #[track_caller]
    pub fn start_again_under(&mut self, wrapper: &Wrapper) {
        assert!(!self.process.is_running(), "ems-cloud still runs");
        self.process.hand_over_log();
        self.process = serve(&self.dir, self.tls, self.plain, wrapper);
        addresses(&mut self.process);
    }
}

fn data_dir(dir: &TempDir) -> PathBuf {
    dir.path().join("data")
}

fn ems_cloud(dir: &TempDir, subcommand: &str) -> Command {
    let mut command = Command::new(program("ems-cloud"));
    command.env_clear().args(subcommand.split(' ')).arg("--data").arg(data_dir(dir));
    command
}

fn add_device(dir: &TempDir, id: &str) -> Device {
    let mut add = ems_cloud(dir, "device add");
    add.arg(id);
    let said = run(add).expect_success("ems-cloud device add");
    let token = said.split_whitespace().find_map(|word| word.find("sk_").map(|at| &word[at..]));
    let token = token.unwrap_or_else(|| panic!("`ems-cloud device add` printed no token:\n{said}"));
    Device { id: id.to_owned(), token: token.trim_matches(['\'', '"']).to_owned() }
}

fn serve(dir: &TempDir, tls: SocketAddr, plain: SocketAddr, wrapper: &Wrapper) -> Process {
    let mut command = ems_cloud(dir, "serve");
    command.args(["--listen", &tls.to_string(), "--listen-plain", &plain.to_string()]);
    command.args(["--webhook-allow", "127.0.0.0/8"]);
    Process::start("ems-cloud", wrapper.around(&command), &dir.path().join("log"))
}

fn addresses(process: &mut Process) -> (SocketAddr, SocketAddr) {
    let [tls, plain] = ["listening tls ", "listening http "].map(|prefix| {
        let address = process.line_after(prefix);
        address.parse().unwrap_or_else(|_| panic!("ems-cloud listens at {address:?}, which is no address"))
    });
    (tls, plain)
}
