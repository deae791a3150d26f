//! `ems-edge calibrate` against a meter: by its arguments, at a terminal, and what it writes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use ems_test_harness::{Bench, Bus, Pty, program};
use tempfile::TempDir;

/// 2:1 by its resistors, 2.1205 with the chip's own load: 53.2 V. The shunt is 2.5 % off: -40 A.
const CHIP: &str = "chip 0x40 ina226 volts=25.0884 shunt_mv=-30.75";
const FOUND: [&str; 3] = ["DIVIDER=2.1205", "SHUNT=100A/76.875mV", "CURRENT_SIGN=normal"];

/// A 48 V pack behind an INA226 with a divider, and a technician's configuration.
struct Site {
    dir: TempDir,
    bus: Bus,
}

impl Site {
    fn new() -> Self {
        Self::with(
            CHIP,
            "SENSOR=ina226\nSHUNT=100A/75mV\n# by its resistors\nDIVIDER=2\nCHEMISTRY=lfp\nCELLS_SERIES=16",
        )
    }

    fn with(control: &str, sensor: &str) -> Self {
        let site = Self { dir: TempDir::new().unwrap(), bus: Bus::new(control) };
        let text = format!(
            "# The cabin behind the barn\nDEVICE_ID=ems_001\nAPI_TOKEN=sk_0123456789abcdef0123456789abcdef\n\
             SERVER_URL=ws://127.0.0.1:9\n{sensor}\nI2C_BUS={}\nCAPACITY_AH=100\n\
             STATE_DIR={folder}\nRUNTIME_DIR={folder}\n",
            site.bus.node().display(),
            folder = site.dir.path().display(),
        );
        fs::write(site.config(), text).unwrap();
        fs::set_permissions(site.config(), fs::Permissions::from_mode(0o640)).unwrap();
        site
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("config.env")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    fn calibrate(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().arg("calibrate").args(words).arg("--config").arg(self.config());
        self.bus.around(&command)
    }

    fn run(&self, words: &[&str]) -> Output {
        self.calibrate(words).output().unwrap()
    }

    /// The lines of the configuration that are not as they were.
    fn changed_since(&self, before: &str) -> Vec<String> {
        self.text()
            .lines()
            .filter(|line| !before.lines().any(|old| old == *line))
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn calibrate_finds_the_effective_divider_and_the_shunt_and_refuses_what_cannot_be() {
    let site = Site::new();
    let before = site.text();
    let output = site.run(&["--volts", "53.2", "--amps", "-40"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in FOUND {
        assert!(said.lines().any(|said| said == line), "{said}");
    }
    for (words, why) in [
        (["--volts", "26.6"], "poles"),
        (["--volts", "nan"], "no voltage of a pack"),
        (["--amps", "-20"], "clamp one conductor"),
        (["--amps", "0.1"], "too little"),
    ] {
        let output = site.run(&[words.as_slice(), &["--write"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(why), "{words:?}: {said}");
    }
    assert_eq!(site.run(&["--zero"]).status.code(), Some(1), "41 A are no offset");
    assert_eq!(site.text(), before, "nothing was asked to be written, or it was refused");
}

#[test]
fn with_write_the_lines_are_replaced_and_the_daemon_then_measures_what_the_meters_show() {
    let site = Site::new();
    let before = site.text();
    let output = site.run(&["--volts", "53.2", "--amps", "-40", "--write"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("systemctl start ems-edge"), "{output:?}");
    assert_eq!(site.changed_since(&before), ["SHUNT=100A/76.875mV", "DIVIDER=2.1205", "CURRENT_SIGN=normal"]);
    for kept in ["# The cabin behind the barn", "# by its resistors", "CAPACITY_AH=100"] {
        assert!(site.text().lines().any(|line| line == kept), "{}", site.text());
    }
    let mode = fs::metadata(site.config()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o137, 0, "the token is in it: {mode:o}");
    let found: Vec<_> = FOUND.iter().map(|line| line.split_once('=').unwrap()).collect();
    let pack = [("SENSOR", "ina226"), ("CHEMISTRY", "lfp"), ("CELLS_SERIES", "16"), ("CAPACITY_AH", "100")];
    Bench::new(CHIP, &[pack.as_slice(), &found].concat()).measures((53.2, 3e-3), Some((-40.0, 4e-3)));
}

const NO_CURRENT: &str = "Is no current flowing, every load and charger disconnected? [y/N] ";
const VOLTMETER: &str = "Voltmeter at the pack's poles, in V (Enter: leave out): ";
const CLAMP_METER: &str = "Clamp meter with a load switched on, in A, + = charging (Enter: leave out): ";

#[test]
fn at_a_terminal_each_answer_is_measured_against_at_once_and_an_empty_line_leaves_one_out() {
    let site = Site::new();
    let before = site.text();
    site.bus.set("chip 0x40 ina226 volts=25.0884 shunt_mv=-0.01");
    let mut terminal = Pty::start(&mut site.calibrate(&["--write"]));
    terminal.answers(NO_CURRENT, "y");
    terminal.shows("offset -0.01");
    for no_number in ["53,2 volts", "nan", "inf"] {
        terminal.answers(VOLTMETER, no_number);
        terminal.shows(&format!("\"{no_number}\" is no number, for example 53.18"));
    }
    terminal.answers(VOLTMETER, "53.2");
    terminal.shows("a ratio of 2.1205");
    // The load is switched on for the clamp meter alone.
    site.bus.set(CHIP);
    terminal.answers(CLAMP_METER, "-40");
    terminal.shows("written into");
    assert_eq!(terminal.end(), 0);
    assert_eq!(site.changed_since(&before), ["SHUNT=100A/76.875mV", "DIVIDER=2.1205", "CURRENT_SIGN=normal"]);

    let before = site.text();
    let mut terminal = Pty::start(&mut site.calibrate(&[]));
    terminal.answers(NO_CURRENT, "");
    terminal.answers(VOLTMETER, "53.2");
    terminal.answers(CLAMP_METER, "");
    terminal.shows("DIVIDER=2.1205");
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.screen().contains("SHUNT="), "{}", terminal.screen());
    assert_eq!(site.text(), before);
}

#[test]
fn a_chip_that_nobody_has_set_up_yet_is_calibrated_and_not_asked_for_a_current_that_it_cannot_measure() {
    let site =
        Site::with("chip 0x48 ads1115 volts=2.4", "SENSOR=ads1115\nDIVIDER=5\nCHEMISTRY=nmc\nCELLS_SERIES=3");
    let mut terminal = Pty::start(&mut site.calibrate(&[]));
    terminal.answers(VOLTMETER, "12.24");
    terminal.shows("DIVIDER=5.1000");
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.screen().contains("Clamp"), "{}", terminal.screen());
}

#[test]
fn without_answers_it_says_so_and_while_the_daemon_reads_the_chip_it_refuses() {
    let site = Site::new();
    let mut terminal = Pty::start(&mut site.calibrate(&[]));
    terminal.answers(NO_CURRENT, "n");
    terminal.answers(VOLTMETER, "");
    terminal.answers(CLAMP_METER, "");
    terminal.shows("nothing to calibrate against");
    assert_eq!(terminal.end(), 64);
    let mut terminal = Pty::start(&mut site.calibrate(&["--write"]));
    terminal.answers(NO_CURRENT, "n");
    terminal.answers(VOLTMETER, "53.2");
    terminal.shows(CLAMP_METER);
    // End of input.
    terminal.strikes(4);
    terminal.shows("nothing is calibrated");
    assert_eq!(terminal.end(), 64);

    let pack = [("SENSOR", "ina226"), ("SHUNT", "100A/75mV"), ("CHEMISTRY", "lfp"), ("CELLS_SERIES", "8")];
    let bench = Bench::new("chip 0x40 ina226 volts=26.6 shunt_mv=-30", &pack);
    bench.measures((26.6, 3e-3), Some((-40.0, 4e-3)));
    let output = bench.bus.around(&bench.edge.subcommand("calibrate --volts 26.6")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(69) && said.contains("systemctl stop ems-edge"), "{said}");
}
