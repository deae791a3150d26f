//! `ems-edge doctor`, one injected fault at a time: it names the one check that is about it, with the finding's stable
//! code, a remedy and the right exit status, whether the daemon runs or not. The table of `docs/doctor.md` is this one.
//!
//! Machine-wide things (`/sys`, `/boot`, `/etc/resolv.conf`, a full file system) are injected in a mount namespace of
//! the test's own: the doctor that is run is the one that is shipped. That takes root.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use ems_test_harness::{
    Bus, Certificates, Cloud, Device, Edge, Finished, Flaw, Handshake, Impostor, Settings, TlsServer,
    program, run, until,
};
use serde_json::{Value, json};
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

#[test]
fn a_device_that_is_well_is_in_order_with_the_daemon_stopped_and_running() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let stopped = site.examine();
    stopped.is_well();
    for id in ["config", "secrets", "device", "sensor", "reading", "shunt", "sign", "tls", "token", "clock"] {
        assert_eq!(stopped.of_check(id)["status"], "ok", "{stopped:#?}");
    }
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| {
        let is_ok = |id: &str| seen.of_check(id)["status"] == "ok";
        seen.status == 0 && ["sensor", "reading", "token", "conflict"].into_iter().all(is_ok)
    });
}

#[test]
fn a_doctor_beside_the_daemon_takes_neither_its_connection_nor_its_chip() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    for _ in 0..3 {
        Diagnosis::of(&run(edge.subcommand("doctor --json"))).is_well();
    }
    let log = edge.log();
    assert!(!log.contains("WARN") && log.matches("connected to").count() == 1, "{log}");
    let samples = cloud.api().samples("ems_001");
    assert!(samples.iter().all(|sample| sample.flags().is_empty()), "{samples:?}");
}

#[test]
fn a_doctor_without_the_daemon_connects_to_nobodys_cost_and_writes_nothing_to_the_chip() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    // As the chip is when it has just been switched on: the daemon's settings would differ.
    let read = || run(site.bus.around(&raw(&site)));
    site.examine().is_well();
    assert!(read().stdout.contains("CONFIGURATION    0x4127"), "{:?}", read());
    assert!(cloud.api().samples("ems_001").is_empty());
    let events = cloud.api().get("/api/devices/ems_001/events").body;
    assert_eq!(events["events"], json!([]), "{events}");
}

fn raw(site: &Site) -> Command {
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().args(["read", "--raw", "--config"]).arg(site.dir.path().join("config.env"));
    command
}

/// Faults of the bus and the wiring: what the bus is, a setting, and what is found.
type Fault = (&'static str, &'static str, (&'static str, &'static str), &'static str, &'static str);
const WIRING: [Fault; 10] = [
    ("wire off", "# nobody", ("", ""), "sensor.no_answer", "check power, SDA/SCL and the address"),
    ("wrong address", WELL, ("I2C_ADDRESS", "0x45"), "sensor.no_answer", "the address"),
    ("bus stuck", "chip 0x40 ina226 volts=26.6\nfault 110", ("", ""), "sensor.bus_stuck", "power-cycle"),
    (
        "another chip",
        "chip 0x40 ina226 volts=26.6\nid 0x40 0x5449 0x2280",
        ("", ""),
        "sensor.wrong_chip",
        "SENSOR",
    ),
    ("battery wire off", "chip 0x40 ina226 volts=0", ("", ""), "reading.no_voltage", "VBUS"),
    ("wrong cell count", WELL, ("CELLS_SERIES", "4"), "reading.implausible", "CELLS_SERIES"),
    // 2 A through the 0.1 Ω of a board.
    ("wrong shunt", "chip 0x40 ina226 volts=26.6 shunt_mv=200", ("", ""), "shunt.out_of_range", "SHUNT"),
    // The same current, read with a shunt that is a hundred times too small.
    (
        "wrong shunt in the settings",
        "chip 0x40 ina226 volts=26.6 shunt_mv=75",
        ("SHUNT", "100uohm"),
        "shunt.wrong",
        "SHUNT",
    ),
    // 3.55 V a cell are only there while it charges.
    (
        "reversed sign",
        "chip 0x40 ina226 volts=28.4 shunt_mv=-7.5",
        ("", ""),
        "sign.reversed",
        "CURRENT_SIGN=inverted",
    ),
    (
        "sign turned round twice",
        "chip 0x40 ina226 volts=28.4 shunt_mv=7.5",
        ("CURRENT_SIGN", "inverted"),
        "sign.reversed",
        "CURRENT_SIGN=normal",
    ),
];

#[test]
fn each_fault_of_the_wiring_is_named_with_the_daemon_stopped_and_running() {
    let cloud = Cloud::start();
    for (fault, control, (key, value), code, remedy) in WIRING {
        let mut site = Site::of(&cloud);
        if !key.is_empty() {
            site = site.with(key, value);
        }
        site.bus.set(control);
        println!("{fault}, stopped");
        site.examine().names(code, remedy);
        println!("{fault}, running");
        let edge = site.start();
        until_it_names(&edge, code, remedy);
    }
}

#[test]
fn a_reversed_sign_shows_in_the_voltage_that_falls_when_the_current_rises() {
    let cloud = Cloud::start();
    for (sign, code) in [("inverted", Some("sign.reversed")), ("normal", None)] {
        let site = Site::of(&cloud).with("CURRENT_SIGN", sign);
        let edge = site.start_with("200ms");
        // A pack of 20 mΩ at 3.3 V a cell, whose charger comes and goes.
        let found = until("enough steps", || {
            for amps in [0.0, 20.0, 5.0, 40.0] {
                let (volts, millivolts) = (26.4 + 0.02 * amps, 0.75 * amps);
                site.bus.set(&format!("chip 0x40 ina226 volts={volts} shunt_mv={millivolts}"));
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
            let seen = Diagnosis::of(&run(edge.subcommand("doctor --json")));
            let said = seen.of_check("sign")["message"].as_str()?.to_owned();
            (said.contains("falls when") || said.contains("agrees")).then_some(seen)
        });
        assert_eq!(found.codes("failed"), Vec::from_iter(code), "{found:#?}");
    }
}

#[test]
fn i2c_that_is_off_is_told_from_a_bus_that_is_another_one() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud).with("I2C_BUS", "1");
    let boot = "mount -t tmpfs tmpfs /boot && mkdir /boot/firmware && echo";
    let without = site.examine_after("rm -f \"$0/i2c-1\"");
    without.names("i2c.off", "dtparam=i2c_arm=on");
    let off = site.examine_after(&format!("{boot} '#dtparam=i2c_arm=on' > /boot/firmware/config.txt"));
    off.names("i2c.off", "/boot/firmware/config.txt");
    let module = site.examine_after(&format!("{boot} 'dtparam=i2c_arm=on' > /boot/firmware/config.txt"));
    module.names("i2c.module", "modprobe i2c-dev");

    let site = Site::of(&cloud);
    site.bus.unplug();
    site.examine_after("mount -t tmpfs tmpfs /dev && touch /dev/i2c-20 /dev/null")
        .names("device.missing", "I2C_BUS");
    let edge = site.start();
    until_it_names(&edge, "i2c.off", "dtparam=i2c_arm=on");
}

#[test]
fn a_service_user_without_the_group_is_named_though_root_may_open_the_bus() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let users = |members: &str| {
        format!(
            "echo 'root:x:0:0::/root:/bin/sh\nems-edge:x:64001:64001::/:/bin/false' > \"$0/passwd\"
             echo 'root:x:0:\nems-edge:x:64001:\ni2c:x:64002:{members}' > \"$0/group\"
             mount --bind \"$0/passwd\" /etc/passwd && mount --bind \"$0/group\" /etc/group
             chown root:ems-edge \"$0/config.env\" && chmod 0640 \"$0/config.env\"
             mkdir -p \"$0/state\" && chown ems-edge \"$0/state\" && chmod 711 \"$0\"
             chown root:i2c '{node}' && chmod 0660 '{node}' && chmod 711 '{folder}'",
            node = site.bus.node().display(),
            folder = site.bus.node().parent().unwrap().display(),
        )
    };
    // The authority's certificate has to be his to read as well.
    let open_ca = format!(
        "chmod 644 {ca} && chmod 711 {a} {b}",
        ca = cloud.ca_file().display(),
        a = cloud.data_dir().display(),
        b = cloud.data_dir().parent().unwrap().display()
    );
    site.examine_after(&format!("{}\n{open_ca}", users("")))
        .names("group.missing", "usermod -aG i2c ems-edge");
    site.examine_after(&users("ems-edge")).is_well();
}

#[test]
fn a_token_that_is_wrong_is_told_from_one_that_was_revoked() {
    let cloud = Cloud::start();
    let wrong = Site::of(&cloud).with("API_TOKEN", TOKEN);
    wrong.examine().names("token.refused", "ems-edge setup");
    let edge = wrong.start();
    until_it_names(&edge, "token.refused", "ems-edge setup");

    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    cloud.disable_device("ems_001");
    until_it_names(&edge, "token.revoked", "new token");
}

#[test]
fn another_device_with_the_same_id_is_a_conflict() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    let mut other = Handshake::device(&cloud, cloud.device()).typed().connect();
    other.send_typed(
        "device.hello",
        &json!({"boot_id": "of-another-card", "firmware_version": "0", "hardware_model": "another",
                "sensor": "none", "actions": [], "backlog": 0, "boottime_ms": 1}),
    );
    other.next_of("device.welcome");
    until_it_names(&edge, "conflict.same_id", "DEVICE_ID");
}

#[test]
fn a_name_server_that_does_not_answer_is_told_from_a_port_where_nobody_listens() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    Site::new(somewhere(taken)).examine_after(":").names("tcp.refused", "ems-cloud");

    let site = Site::new(somewhere(taken)).with("SERVER_URL", "wss://cloud.example.com");
    // Nobody listens at that port 53: the mount keeps the question off the network.
    let down = "echo 'nameserver 127.0.0.254\noptions timeout:1 attempts:1' > \"$0/resolv.conf\"
                mount --bind \"$0/resolv.conf\" /etc/resolv.conf";
    site.examine_after(down).names("dns.down", "name server");
}

#[test]
fn a_proxy_that_does_not_help_is_named_and_not_the_server() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for (proxy, code) in [(nobody.to_string(), "tcp.proxy"), ("proxy.invalid:3128".to_owned(), "dns.proxy")] {
        let diagnosis = site.examine_after(&format!("export HTTPS_PROXY=http://{proxy}"));
        diagnosis.names(code, "HTTPS_PROXY");
        let check = code.split('.').next().unwrap();
        assert!(diagnosis.of_check(check)["message"].as_str().unwrap().contains(&proxy), "{diagnosis:#?}");
    }
}

#[test]
fn a_captive_portal_is_named_whether_tls_was_expected_or_not() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Length: 0\r\n\r\n";
    for scheme in ["wss", "ws"] {
        let portal = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = portal.local_addr().unwrap();
        std::thread::spawn(move || {
            for tcp in portal.incoming().take(6) {
                let mut tcp = tcp.unwrap();
                // It answers whatever comes.
                let read = std::io::Read::read(&mut tcp, &mut [0; 4096]);
                drop((read, tcp.write_all(answer.as_bytes())));
            }
        });
        let site = Site::new(somewhere(address)).with("SERVER_URL", &format!("{scheme}://{address}"));
        let found = site.examine();
        found.names("portal.captive", "captive portal");
        assert!(
            found.of_check("portal")["message"].as_str().unwrap().contains("portal.example"),
            "{found:#?}"
        );
    }
}

#[test]
fn each_flaw_of_a_certificate_is_named_with_its_remedy() {
    for (flaw, code, remedy, words) in [
        (Flaw::Expired, "tls.expired", "renew", "2002-01-01"),
        (Flaw::NotYetValid, "tls.not_yet_valid", "clock", "2101-01-01"),
        (Flaw::WrongName, "tls.wrong_name", "SERVER_URL", "elsewhere.example"),
        (Flaw::UnknownAuthority, "tls.unknown_authority", "CA_FILE", "ca.pem"),
        (Flaw::AuthorityAsServer, "tls.authority_as_server", "CA:FALSE", "CA:TRUE"),
    ] {
        let dir = TempDir::new().unwrap();
        let certificates = Certificates::flawed(dir.path(), flaw);
        let server = TlsServer::start(&certificates);
        let site = Site::new(somewhere(server.address()).to(server.address(), &certificates.ca));
        let found = site.examine();
        found.names(code, remedy);
        assert!(found.of_check("tls")["message"].as_str().unwrap().contains(words), "{found:#?}");
    }
}

#[test]
fn a_clock_that_differs_from_the_servers_is_wrong() {
    let server = Impostor::listen();
    let site = Site::new(somewhere(server.address()));
    let found = std::thread::scope(|both| {
        both.spawn(|| {
            // The way first, and then the token.
            for _ in 0..2 {
                answer_from_2099(&server);
            }
        });
        site.examine()
    });
    found.names("clock.wrong", "timedatectl");
    assert!(
        found.of_check("clock")["message"].as_str().unwrap().contains("behind the server's"),
        "{found:#?}"
    );
}

/// Takes the next connection and, if it asks for an upgrade, agrees with a date of its own.
fn answer_from_2099(server: &Impostor) {
    let mut tcp = server.accept();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(std::io::Read::read(&mut tcp, &mut byte), Ok(1)) {
            return;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nDate: Thu, 01 Jan 2099 00:00:00 GMT\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    tcp.write_all(answer.as_bytes()).unwrap();
}

#[test]
fn a_card_that_is_full_or_read_only_is_named() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let small = "mkdir -p \"$0/state\" && mount -t tmpfs -o size=4m tmpfs \"$0/state\"";
    site.examine_after(&format!("{small}\nhead -c 3900k /dev/zero > \"$0/state/fill\""))
        .names("card.full", "make room");
    site.examine_after(&format!("{small}\nmount -o remount,ro \"$0/state\""))
        .names("state.read_only", "remount,rw");
    let little = site.examine_after(small);
    assert_eq!((little.codes("warning"), little.status), (vec!["card.little_room"], WARNING), "{little:#?}");
}

#[test]
fn too_little_voltage_for_the_board_is_named() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let alarm = |value: u8| {
        format!(
            "mount -t tmpfs tmpfs /sys/class && mkdir -p /sys/class/hwmon/hwmon0 /sys/class/hwmon/hwmon1
             echo cpu_thermal > /sys/class/hwmon/hwmon0/name && echo rpi_volt > /sys/class/hwmon/hwmon1/name
             echo {value} > /sys/class/hwmon/hwmon1/in0_lcrit_alarm"
        )
    };
    site.examine_after(&alarm(1)).names("power.under_voltage", "power supply");
    let well = site.examine_after(&alarm(0));
    well.is_well();
    assert_eq!(well.of_check("power")["status"], "ok");
}

#[test]
fn a_typo_in_the_configuration_is_named_with_its_line_and_an_open_file_with_its_mode() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud).with("CHEMISTRY", "lifepo");
    let found = site.examine();
    found.names("config.mistakes", "ems-edge setup");
    let said = found.of_check("config")["message"].as_str().unwrap();
    assert!(said.contains("config.env:") && said.contains("CHEMISTRY=lfp"), "{said}");

    let open = Site::of(&cloud);
    open.examine_after("chmod 644 \"$0/config.env\"").names("secrets.open", "chmod 0640");
}

#[test]
fn a_daemon_that_runs_under_its_old_name_is_found_and_its_chip_left_alone() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    let mut doctor = edge.subcommand("doctor --json");
    doctor.env("DEVICE_ID", "ems_002");
    let found = Diagnosis::of(&run(doctor));
    assert_eq!(
        (found.codes("failed"), found.codes("warning")),
        (vec![], vec!["config.not_applied"]),
        "{found:#?}"
    );
    assert!(
        found.of_check("sensor")["message"].as_str().unwrap().contains("answers the daemon"),
        "{found:#?}"
    );
}

#[test]
fn a_unit_whose_sandbox_leaves_out_the_bus_is_noticed() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    // A systemd that answers with a unit of this test.
    let unit = |allow: &str| {
        format!(
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/systemd/journal && touch /run/systemd/journal/socket
             mkdir \"$0/bin\" && printf '#!/bin/sh\\nprintf \"LoadState=loaded\\\\nActiveState=inactive\\\\nUnitFileState=enabled\\\\nDevicePolicy=closed\\\\n{allow}\"\\n' > \"$0/bin/systemctl\"
             chmod 755 \"$0/bin/systemctl\" && export PATH=\"$0/bin:$PATH\""
        )
    };
    let without = site.examine_after(&unit("DeviceAllow=/dev/null rw\\\\n"));
    without.names("sandbox.device", "DeviceAllow=char-i2c rw");
    fs::remove_dir_all(site.path("bin")).unwrap();
    let with = site.examine_after(&unit("DeviceAllow=char-i2c rw\\\\n"));
    assert_eq!((with.codes("failed"), with.codes("warning")), (vec![], vec!["service.stopped"]), "{with:#?}");
}

#[test]
fn a_server_that_never_answers_does_not_hold_the_doctor_up() {
    // A queue that is never taken from: connections stand, and nothing is ever said.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let site = Site::new(somewhere(address)).with("SERVER_URL", &format!("wss://{address}"));
    site.bus.set("chip 0x40 ina226 volts=26.6\nhang");
    let begin = std::time::Instant::now();
    let found = site.examine();
    // A bound for people, not a measure of this machine: the doctor's own is below 15 s.
    assert!(begin.elapsed() < std::time::Duration::from_secs(40), "{:?}", begin.elapsed());
    assert_eq!(found.codes("failed"), ["sensor.bus_stuck", "tls.broken"], "{found:#?}");
}

#[test]
fn people_get_80_columns_with_the_remedy_and_no_colour_in_a_pipe() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    site.bus.set("# nobody");
    let seen = site.doctor_after(":", "");
    assert_eq!(seen.status, FAILED);
    assert!(seen.stdout.lines().all(|line| line.chars().count() <= 80), "{}", seen.stdout);
    assert!(
        seen.stdout.contains("FAILED   sensor") && seen.stdout.contains("-> check power"),
        "{}",
        seen.stdout
    );
    assert!(
        seen.stdout.ends_with("Not in order: sensor.\n") && !seen.stdout.contains('\x1b'),
        "{}",
        seen.stdout
    );
}
