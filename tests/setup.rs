//! `ems-edge setup`: at a terminal and without one. The token is never shown, the file is never open to others, and
//! what the technician wrote stays.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ems_test_harness::{Bus, Cloud, Finished, Pty, program, run};
use tempfile::TempDir;

/// The part of the tokens by which a leak is recognised.
const WRONG: &str = "sk_live_Hk2Vt8Qm5Zr0_of_this_test";
const SECRET: &str = "Hk2Vt8Qm5Zr0";
const WELL: &str = "chip 0x44 ina226 volts=26.6 shunt_mv=7.5";
const CTRL_C: u8 = 3;

/// A device that has no configuration yet.
struct Site {
    dir: TempDir,
    bus: Bus,
    cloud: Cloud,
}

impl Site {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), bus: Bus::new(WELL), cloud: Cloud::start() }
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("etc/config.env")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    fn server(&self) -> String {
        format!("wss://{}", self.cloud.tls())
    }

    /// `ems-edge setup` behind the bus.
    fn setup(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("ems-edge"));
        command
            .env_clear()
            .env("NO_COLOR", "1")
            .args(["setup", "--no-start", "--config"])
            .arg(self.config())
            .args(words);
        self.bus.around(&command)
    }

    /// Everything but the token, as words of a command.
    fn all(&self) -> Vec<String> {
        let ca = self.cloud.ca_file();
        [
            "DEVICE_ID=ems_001".to_owned(),
            format!("SERVER_URL={}", self.server()),
            format!("CA_FILE={}", ca.display()),
            "SENSOR=ina226".to_owned(),
            format!("I2C_BUS={}", self.bus.node().display()),
            "I2C_ADDRESS=0x44".to_owned(),
            "SHUNT=100A/75mV".to_owned(),
            "DIVIDER=1".to_owned(),
            "CHEMISTRY=lfp".to_owned(),
            "CELLS_SERIES=8".to_owned(),
            "CAPACITY_AH=100".to_owned(),
        ]
        .into_iter()
        .flat_map(|pair| ["--set".to_owned(), pair])
        .collect()
    }

    /// Without a terminal, with `token` on standard input.
    fn set_up_by_pipe(&self, token: &str, more: &[&str]) -> Finished {
        let all = self.all();
        let words: Vec<&str> =
            all.iter().map(String::as_str).chain(["--token-file", "-"]).chain(more.iter().copied()).collect();
        let mut command = self.setup(&words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let finished = Finished {
            status: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!format!("{finished:?}").contains(token.trim()), "the token is shown");
        finished
    }

    fn has_nothing(&self) -> bool {
        fs::read_dir(self.dir.path().join("etc")).map_or(true, |entries| entries.count() == 0)
    }
}

#[test]
fn at_a_terminal_each_answer_is_tested_the_token_is_not_shown_and_the_daemon_can_use_the_file() {
    let site = Site::new();
    let bus = format!("I2C_BUS={}", site.bus.node().display());
    let mut terminal = Pty::start(&mut site.setup(&["--set", &bus]));
    terminal.answers("DEVICE_ID: ", "EMS 1");
    terminal.shows("expected 1 to 63 characters");
    terminal.answers("DEVICE_ID: ", "ems_001");
    // A port where nobody listens, then the right one, whose authority is not known here.
    terminal.answers("SERVER_URL: ", "wss://127.0.0.1:9");
    terminal.shows("refuses the connection");
    terminal.answers("Keep it all the same? [y/N] ", "n");
    terminal.answers("SERVER_URL [wss://127.0.0.1:9]: ", &site.server());
    terminal.answers("CA_FILE: ", site.cloud.ca_file().to_str().unwrap());
    terminal.shows("ok       tls");
    terminal.shows("API_TOKEN: ");
    assert!(!terminal.echoes());
    terminal.types(WRONG);
    terminal.shows("FAILED   token");
    terminal.answers("Keep it all the same? [y/N] ", "n");
    assert!(terminal.echoes());
    terminal.answers("DEVICE_ID [ems_001]: ", "");
    terminal.answers("API_TOKEN: ", &site.cloud.device().token);
    terminal.shows("ok       token");
    terminal.shows("waveshare-ups-hat-b");
    terminal.answers("BOARD [none]: ", "");
    // The chip is found by its ids.
    terminal.shows("0x44  INA226");
    terminal.answers("SENSOR [ina226]: ", "");
    terminal.answers("I2C_ADDRESS [0x44]: ", "");
    terminal.answers("SHUNT: ", "");
    terminal.shows("it is needed");
    terminal.answers("SHUNT: ", "100A/75mV");
    terminal.answers("DIVIDER [1]: ", "");
    terminal.answers("CURRENT_SIGN [normal]: ", "");
    terminal.answers("CHEMISTRY: ", "lfp");
    // Half as many as there are: the test says so, and everything is offered again.
    terminal.answers("CELLS_SERIES: ", "4");
    terminal.answers("CAPACITY_AH: ", "100");
    terminal.shows("FAILED   reading");
    terminal.answers("Keep it all the same? [y/N] ", "");
    terminal.answers("BOARD [none]: ", "");
    terminal.answers("SENSOR [ina226]: ", "");
    for question in [
        "I2C_BUS [",
        "I2C_ADDRESS [0x44]: ",
        "SHUNT [100A/75mV]: ",
        "DIVIDER [1]: ",
        "CURRENT_SIGN [normal]: ",
        "CHEMISTRY [lfp]: ",
    ] {
        terminal.answers(question, "");
    }
    terminal.answers("CELLS_SERIES [4]: ", "8");
    terminal.answers("CAPACITY_AH [100]: ", "");
    terminal.shows("ok       reading");
    terminal.shows("config.env is written");
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
    let screen = terminal.screen();
    assert!(!screen.contains(SECRET) && !screen.contains(&site.cloud.device().token), "{screen}");

    let mut show = Command::new(program("ems-edge"));
    show.env_clear().args(["config", "show", "--config"]).arg(site.config());
    let shown = run(show).expect_success("ems-edge config show");
    assert!(shown.contains("[secret]") && shown.contains("config.env:"), "{shown}");
    assert_eq!(fs::metadata(site.config()).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(site.text().contains("# Cells in series"), "the explanations stay: {}", site.text());
}

#[test]
fn a_board_answers_for_the_chip_and_its_wiring_and_only_the_capacity_is_asked_for() {
    let site = Site::new();
    site.bus.set("chip 0x43 ina219 volts=3.9 shunt_mv=-5");
    let server = format!("SERVER_URL={}", site.server());
    let ca = format!("CA_FILE={}", site.cloud.ca_file().display());
    let bus = format!("I2C_BUS={}", site.bus.node().display());
    let given = ["DEVICE_ID=ems_001", &server, &ca, &bus];
    let words: Vec<&str> = given.iter().flat_map(|pair| ["--set", pair]).collect();
    let mut terminal = Pty::start(&mut site.setup(&words));
    terminal.answers("API_TOKEN: ", &site.cloud.device().token);
    terminal.answers("BOARD [none]: ", "waveshare-d");
    terminal.shows("for example waveshare-ups-hat-d");
    terminal.answers("BOARD [none]: ", "waveshare-ups-hat-d");
    terminal.answers("DIVIDER [1]: ", "");
    terminal.answers("CAPACITY_AH: ", "5");
    terminal.shows("ok       reading");
    terminal.shows("config.env is written");
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
    for unasked in ["SENSOR [", "SENSOR:", "I2C_ADDRESS:", "SHUNT:", "CURRENT_SIGN [", "CELLS_SERIES:"] {
        assert!(!terminal.screen().contains(unasked), "{unasked}: {}", terminal.screen());
    }
    assert!(site.text().lines().any(|line| line == "BOARD=waveshare-ups-hat-d"), "{}", site.text());
}

#[test]
fn ctrl_c_at_the_token_writes_nothing_and_leaves_a_terminal_that_shows_what_is_typed() {
    let site = Site::new();
    let mut terminal = Pty::start(&mut site.setup(&[
        "--no-test",
        "--set",
        "DEVICE_ID=ems_001",
        "--set",
        "SERVER_URL=wss://h.example",
    ]));
    terminal.shows("API_TOKEN: ");
    assert!(!terminal.echoes());
    terminal.strikes(CTRL_C);
    assert_eq!(terminal.end(), 1, "{}", terminal.screen());
    assert!(terminal.echoes() && site.has_nothing());
}

#[test]
fn without_a_terminal_nothing_is_asked_and_a_second_run_changes_nothing() {
    let site = Site::new();
    let token = format!("{}\n", site.cloud.device().token);
    let first = site.set_up_by_pipe(&token, &[]);
    assert_eq!(first.status, 0, "{first:?}");
    assert!(site.text().contains(token.trim()));
    let before = (fs::metadata(site.config()).unwrap().ino(), site.text());
    let second = site.set_up_by_pipe(&token, &[]);
    assert_eq!(second.status, 0, "{second:?}");
    assert!(second.stdout.contains("is as it should be"), "{second:?}");
    assert_eq!((fs::metadata(site.config()).unwrap().ino(), site.text()), before);
}

#[test]
fn one_setting_is_changed_and_the_technicians_own_lines_stay() {
    let site = Site::new();
    assert_eq!(site.set_up_by_pipe(&site.cloud.device().token, &["--no-test"]).status, 0);
    let mine = "# the pack in the shed, it's ours\n";
    fs::write(
        site.config(),
        format!("{mine}{}", site.text().replace("CAPACITY_AH=100", "CAPACITY_AH=100  # by its label")),
    )
    .unwrap();
    let changed = run(site.setup(&["--no-test", "--set", "CAPACITY_AH=95"]));
    assert_eq!(changed.status, 0, "{changed:?}");
    let text = site.text();
    assert!(text.starts_with(mine) && text.contains("\nCAPACITY_AH=95  # by its label\n"), "{text}");
}

#[test]
fn what_the_server_has_printed_is_taken_as_the_tokens_file() {
    let token = Site::new().cloud.device().token.clone();
    for printed in [
        format!(
            "# The token is shown only now. Lines for the device's config.env:\nDEVICE_ID=ems_001\nAPI_TOKEN={token}\n"
        ),
        format!("\u{feff}{token}\r\n"),
    ] {
        let site = Site::new();
        let seen = site.set_up_by_pipe(&printed, &["--no-test"]);
        assert_eq!(seen.status, 0, "{seen:?}");
        assert!(site.text().contains(&format!("\nAPI_TOKEN={token}\n")), "{}", site.text());
    }
}

#[test]
fn what_works_and_deserves_a_look_is_told_with_what_was_written() {
    let site = Site::new();
    let mut setup = site.setup(&["--no-test", "--token-file", "token", "--set", "CA_FILE=ca.pem"]);
    fs::write(site.dir.path().join("token"), &site.cloud.device().token).unwrap();
    fs::copy(site.cloud.ca_file(), site.dir.path().join("ca.pem")).unwrap();
    setup.current_dir(site.dir.path());
    let seen = run(setup);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(
        seen.stdout.contains(&format!("CA_FILE={}", site.dir.path().join("ca.pem").display())),
        "{seen:?}"
    );
}

#[test]
fn what_is_missing_or_fails_is_told_and_nothing_is_written() {
    let site = Site::new();
    let missing = run(site.setup(&["--set", "DEVICE_ID=ems_001"]));
    assert_eq!(missing.status, 78, "{missing:?}");
    for words in ["API_TOKEN", "nothing was written", "config.env"] {
        assert!(missing.stderr.contains(words), "{words}: {missing:?}");
    }
    let refused = site.set_up_by_pipe(WRONG, &[]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stdout.contains("FAILED   token") && refused.stderr.contains("--no-test"), "{refused:?}");
    site.bus.set("# nobody");
    let lost = site.set_up_by_pipe(&site.cloud.device().token, &[]);
    assert_eq!(lost.status, 1, "{lost:?}");
    assert!(lost.stdout.contains("FAILED   sensor"), "{lost:?}");
    assert!(site.has_nothing());
    assert_eq!(site.set_up_by_pipe(WRONG, &["--no-test"]).status, 0);
}

#[test]
fn a_token_among_the_words_of_the_command_is_refused_and_not_shown() {
    let site = Site::new();
    let (by_set, by_name) = (format!("API_TOKEN={WRONG}"), format!("--api-token={WRONG}"));
    let alias = format!("API_SECRET={WRONG}");
    for words in
        [&["--set", by_set.as_str()][..], &["--set", &alias], &[&by_name], &[WRONG], &["--set", WRONG]]
    {
        let refused = run(site.setup(words));
        assert_eq!(refused.status, 64, "{refused:?}");
        assert!(!format!("{refused:?}").contains(SECRET), "{refused:?}");
    }
    assert!(site.has_nothing());
}

#[test]
fn the_file_is_roots_and_the_services_group_may_read_it() {
    assert!(rustix::process::geteuid().is_root(), "this test has an /etc/group of its own: run it as root");
    let site = Site::new();
    let groups = site.dir.path().join("group");
    fs::write(&groups, "root:x:0:\nems-edge:x:64001:\n").unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", "umask 0 && mount --bind \"$0\" /etc/group && exec \"$@\""]);
    command.arg(&groups).arg(program("ems-edge")).args(["setup", "--no-start", "--no-test", "--config"]);
    let token = site.dir.path().join("token");
    fs::write(&token, &site.cloud.device().token).unwrap();
    command.arg(site.config()).arg("--token-file").arg(token).args(site.all());
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    run(command).expect_success("ems-edge setup");
    let written = fs::metadata(site.config()).unwrap();
    assert_eq!((written.uid(), written.gid(), written.permissions().mode() & 0o7777), (0, 64001, 0o640));
}
