//! The subcommands that have no file of their own: read, scan, config show, version, status --watch, bundle; and what
//! all of them have in common.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use ems_test_harness::{Bus, Device, Edge, Finished, Pty, Settings, program, run, until};
use serde_json::Value;
use tempfile::TempDir;

const WELL: &str = "chip 0x40 ina226 volts=26.6 shunt_mv=7.5";

/// A device without a server.
struct Site {
    dir: TempDir,
    bus: Bus,
    settings: Settings,
}

impl Site {
    fn new(control: &str, chip: &str, cells: u16) -> Self {
        let (dir, bus) = (TempDir::new().unwrap(), Bus::new(control));
        let device = Device { id: "ems_001".to_owned(), token: "sk_live_of_this_test".to_owned() };
        let path_of = |name: &str| dir.path().join(name).display().to_string();
        let settings = Settings::of(&device)
            .with("SERVER_URL", "ws://127.0.0.1:9")
            .measuring(chip, &bus.node(), cells)
            .with("STATE_DIR", &path_of("state"))
            .with("RUNTIME_DIR", &path_of("run"));
        fs::write(path_of("config.env"), settings.text()).unwrap();
        Self { dir, bus, settings }
    }

    fn run(&self, words: &str) -> Finished {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().args(words.split(' ')).arg("--config").arg(self.dir.path().join("config.env"));
        run(self.bus.around(&command))
    }
}

fn json(finished: Finished) -> Value {
    serde_json::from_str(&finished.expect_success("ems-edge")).unwrap()
}

#[test]
fn the_manual_has_every_subcommand_and_every_exit_status() {
    let manual = include_str!("../debian/man/ems-edge.8.scd");
    let help = |words: &[&str]| {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().args(words).arg("--help");
        run(command).expect_success("--help")
    };
    let list = help(&[]);
    let names =
        list.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<_> =
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(names.len() > 10, "{list}");
    for name in names {
        assert!(
            manual.contains(&format!("*{name}*")) || manual.contains(&format!("*{name} ")),
            "{name} is not in it"
        );
        let own = help(&[name]);
        let statuses = own.lines().skip_while(|line| !line.starts_with("Exit status:"));
        for status in
            statuses.filter_map(|line| line.trim_start_matches("Exit status:").split_whitespace().next())
        {
            if status.bytes().all(|byte| byte.is_ascii_digit()) {
                assert!(manual.contains(&format!("\n*{status}*\n")), "{name} may end with {status}");
            }
        }
    }
}

#[test]
fn every_subcommand_shows_an_example_and_its_exit_statuses() {
    let ask = |words: &[&str]| {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().args(words).arg("--help");
        run(command).expect_success("--help")
    };
    let help = ask(&[]);
    for name in [
        "run",
        "setup",
        "doctor",
        "status",
        "read",
        "scan",
        "calibrate",
        "config",
        "bundle",
        "identify",
        "version",
        "replay",
    ] {
        assert!(help.contains(&format!("\n  {name} ")), "{name} is not listed:\n{help}");
        let own = ask(&[name]);
        assert!(own.contains("Example"), "{name} shows no example:\n{own}");
        assert!(own.lines().all(|line| line.chars().count() <= 100), "{own}");
    }
    for words in [
        &["setup"][..],
        &["doctor"],
        &["status"],
        &["read"],
        &["scan"],
        &["config", "show"],
        &["bundle"],
        &["identify"],
        &["calibrate"],
        &["replay"],
    ] {
        let own = ask(words);
        assert!(own.contains("Exit status: 0") && own.contains("64 "), "{words:?}:\n{own}");
    }
}

#[test]
fn a_reading_of_either_chip_comes_from_the_chip_and_from_the_daemon_while_it_runs() {
    for (chip, cells, volts) in [("ina226", 8, 26.6), ("ina219", 4, 13.3)] {
        let site = Site::new(&format!("chip 0x40 {chip} volts={volts} shunt_mv=-7.5"), chip, cells);
        let read = json(site.run("read --json"));
        assert!((read["voltage"].as_f64().unwrap() - volts).abs() < 0.02, "{read}");
        assert!((read["current"].as_f64().unwrap() + 10.0).abs() < 0.02, "{read}");
        assert_eq!(read["source"], "from the chip");
        let raw = site.run("read --raw").expect_success("ems-edge read --raw");
        assert!(raw.contains("00h CONFIGURATION") && raw.contains("02h BUS_VOLTAGE"), "{raw}");

        let edge = Edge::start_on(&site.bus, &site.settings.clone().with("SAMPLE_INTERVAL", "100ms"));
        let by_daemon = until("a reading", || {
            let finished = run(edge.subcommand("read --json"));
            (finished.status == 0).then_some(finished)
        });
        let by_daemon = json(by_daemon);
        assert_eq!(by_daemon["source"], "by the running daemon");
        assert!((by_daemon["voltage"].as_f64().unwrap() - volts).abs() < 0.02, "{by_daemon}");
        let refused = run(edge.subcommand("read --raw"));
        assert!(refused.status == 69 && refused.stderr.contains("systemctl stop"), "{refused:?}");
        assert!(!edge.log().contains("WARN ") || !edge.log().contains("restarted"), "{}", edge.log());
    }
}

#[test]
fn a_reading_that_cannot_be_had_says_why() {
    let site = Site::new("# nobody", "ina226", 8);
    let seen = site.run("read");
    assert!(seen.status == 1 && seen.stderr.contains("check power"), "{seen:?}");
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().args(["read", "--config", "/nowhere/config.env"]);
    assert_eq!(run(command).status, 78);
}

#[test]
fn a_scan_names_the_chips_by_their_ids_and_leaves_the_daemons_alone() {
    let others =
        "chip 0x40 ina226 volts=26.6 shunt_mv=7.5\nchip 0x41 ina219 volts=13\nchip 0x68 registers 0=0x1234";
    let site = Site::new(others, "ina226", 8);
    let seen = site.run("scan").expect_success("ems-edge scan");
    assert!(seen.contains("0x40  INA226 -> SENSOR=ina226 I2C_ADDRESS=0x40"), "{seen}");
    assert!(
        seen.contains("0x41  without ids: an INA219") && seen.contains("0x68  perhaps a clock"),
        "{seen}"
    );
    let list = json(site.run("scan --json"));
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert_eq!((list[0]["address"].as_str(), list[0]["sensor"].as_str()), (Some("0x40"), Some("ina226")));

    let edge = Edge::start_on(&site.bus, &site.settings);
    let mut scan = edge.subcommand("scan");
    scan.env("RUST_BACKTRACE", "0");
    let seen = run(site.bus.around(&scan)).expect_success("ems-edge scan");
    assert!(seen.contains("0x40  in use by the running daemon"), "{seen}");

    site.bus.set("# nobody");
    let nobody = Site::new("# nobody", "ina226", 8).run("scan");
    assert!(nobody.status == 3 && nobody.stdout.contains("check power"), "{nobody:?}");
    let stuck = Site::new("chip 0x40 ina226\nfault 110", "ina226", 8).run("scan");
    assert!(stuck.status == 1 && stuck.stderr.contains("power-cycle"), "{stuck:?}");
}

#[test]
fn the_configuration_is_shown_with_where_each_value_comes_from_and_the_token_masked() {
    let site = Site::new(WELL, "ina226", 8);
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().env("CAPACITY_AH", "90").args(["config", "show", "--json", "--config"]);
    command.arg(site.dir.path().join("config.env"));
    let shown = json(run(command));
    assert_eq!(
        (&shown["API_TOKEN"]["value"], &shown["SENSOR"]["value"]),
        (&"[secret]".into(), &"ina226".into())
    );
    assert_eq!(
        (&shown["CAPACITY_AH"]["value"], &shown["CAPACITY_AH"]["origin"]),
        (&"90".into(), &"environment".into())
    );
    assert_eq!((&shown["DIVIDER"]["value"], &shown["DIVIDER"]["origin"]), (&"1".into(), &"default".into()));
    assert!(shown["SHUNT"]["origin"].as_str().unwrap().contains("config.env:"), "{shown}");

    fs::write(site.dir.path().join("config.env"), "SENSOR=ina226\nSHUNT=x\n").unwrap();
    let broken = site.run("config show");
    assert!(
        broken.status == 78 && broken.stdout.contains("not set") && broken.stderr.contains(":2: SHUNT"),
        "{broken:?}"
    );
}

#[test]
fn a_status_that_is_watched_follows_the_daemon_until_ctrl_c() {
    let site = Site::new(WELL, "ina226", 8);
    let edge = Edge::start_on(&site.bus, &site.settings.clone().with("SAMPLE_INTERVAL", "100ms"));
    let mut terminal = Pty::start(&mut edge.subcommand("status --watch"));
    terminal.shows("26.60 V");
    site.bus.set("chip 0x40 ina226 volts=25.5 shunt_mv=7.5");
    terminal.shows("25.50 V");
    site.bus.set("# nobody");
    terminal.shows("Trouble:");
}

#[test]
fn the_archive_has_what_support_asks_for_and_is_its_owners_alone() {
    let site = Site::new(WELL, "ina226", 8);
    let edge = Edge::start_on(&site.bus, &site.settings);
    until("a line of the log", || edge.log().contains("answers").then_some(()));
    let archive = site.dir.path().join("support.tar.gz");
    let mut bundle = edge.subcommand("bundle");
    bundle.env("PATH", "/usr/bin:/bin").arg("--output").arg(&archive);
    run(bundle).expect_success("ems-edge bundle");
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o7777, 0o600);
    let unpack = |arguments: &[&str]| {
        let mut tar = Command::new("tar");
        tar.env_clear().env("PATH", "/usr/bin:/bin").args(arguments).arg(&archive);
        run(tar).expect_success("tar")
    };
    let names = unpack(&["-tzf"]);
    for name in [
        "doctor.txt",
        "doctor.json",
        "status.json",
        "events.json",
        "log.txt",
        "journal.txt",
        "config.txt",
        "machine.txt",
        "version.txt",
    ] {
        assert!(names.contains(&format!("ems-edge/{name}\n")), "{name} is missing: {names}");
    }
    let all = unpack(&["-xzOf"]);
    for words in [
        "ems-edge 0.",
        "\"device_id\": \"ems_001\"",
        "DAEMON_STARTED",
        "runs as ems_001",
        "SHUNT",
        "/etc/os-release",
    ] {
        assert!(all.contains(words), "{words} is missing:\n{all}");
    }
    let mut again = edge.subcommand("bundle");
    again.arg("--output").arg(&archive);
    assert_eq!(run(again).status, 73, "an archive is not written over");
    // ssh pi sudo ems-edge bundle --output - > support.tar.gz
    let piped = site.dir.path().join("piped.tar.gz");
    let mut to_a_pipe = edge.subcommand("bundle --output -");
    to_a_pipe.current_dir(site.dir.path()).stdout(fs::File::create(&piped).unwrap());
    assert!(to_a_pipe.status().unwrap().success());
    let mut tar = Command::new("tar");
    tar.env_clear().env("PATH", "/usr/bin:/bin").arg("-tzf").arg(&piped);
    assert_eq!(run(tar).expect_success("tar"), names);
    assert!(!site.dir.path().join("-").exists());
}

#[test]
fn arguments_that_mean_nothing_are_wrong_arguments() {
    for words in ["status --events 0", "scan --bus abc", "scan --bus -1", "scan --bus ''"] {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().args(words.split(' ').map(|word| word.trim_matches('\'')));
        assert_eq!(run(command).status, 64, "{words}");
    }
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for words in [&["version"][..], &["--help"]] {
        let mut command = Command::new(program("ems-edge"));
        let ended = command.env_clear().args(words).stdout(full.try_clone().unwrap()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(74), "{words:?}: {said}");
        assert_eq!(said.matches("cannot be written: No space left on device").count(), 1, "{said}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().args(["version", "--json"]);
    assert_eq!(json(run(command))["version"], env!("CARGO_PKG_VERSION"));
}
