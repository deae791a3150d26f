//! The real daemon with configurations that cannot work: exit status 78, and for every mistake its key, its line and
//! what to write instead, all at once, without the token.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::process::Command;

use ems_test_harness::{Finished, program, run};
use tempfile::TempDir;

/// `EX_CONFIG` of sysexits.h.
const EX_CONFIG: i32 = 78;
/// The part of the token by which a leak is recognised.
const SECRET: &str = "Hk2Vt8Qm5Zr0";
/// Each on the line of its index + 1.
const GOOD: [&str; 8] = [
    "DEVICE_ID=ems_001",
    "API_TOKEN=sk_live_Hk2Vt8Qm5Zr0",
    "SERVER_URL=wss://127.0.0.1:9",
    "SENSOR=ina226",
    "SHUNT=100A/75mV",
    "CHEMISTRY=lfp",
    "CELLS_SERIES=8",
    "CAPACITY_AH=100",
];

/// A configuration in which the line `replaced` reads otherwise, its place and key in the answer, and words of the
/// remedy. Line 9 is one more at the end, line 0 the file as a whole.
struct Broken {
    line: usize,
    text: &'static str,
    place: usize,
    key: &'static str,
    remedy: &'static str,
}

const fn broken(line: usize, text: &'static str, key: &'static str, remedy: &'static str) -> Broken {
    Broken { line, text, place: line, key, remedy }
}

impl Broken {
    const fn at(self, place: usize) -> Self {
        Self { place, ..self }
    }
}

const FILES: [Broken; 33] = [
    Broken { line: 1, text: "", place: 0, key: "DEVICE_ID", remedy: "DEVICE_ID=ems_001" },
    broken(1, "DEVICE_ID=Pi in the shed", "DEVICE_ID", "quotes"),
    broken(1, "DEVICE_ID=EMS_001", "DEVICE_ID", "DEVICE_ID=ems_001"),
    Broken { line: 2, text: "", place: 0, key: "API_TOKEN", remedy: "API_TOKEN='sk_" },
    broken(2, "API_TOKEN='sk_...'", "API_TOKEN", "the cloud shows"),
    broken(2, "API_TOKEN=sk_live_Hk2Vt8Qm5Zr0$x", "API_TOKEN", "single quotes"),
    broken(2, "API_TOKEN='sk_live_Hk2Vt8Qm5Zr0", "API_TOKEN", "API_TOKEN='value'"),
    broken(3, "SERVER_URL=https://cloud.example.com", "SERVER_URL", "wss://cloud.example.com"),
    broken(3, "SERVER_URL=ws://cloud.example.com", "SERVER_URL", "wss://cloud.example.com"),
    broken(3, "SERVER_URL=wss://cloud.example.com/?token=Hk2Vt8Qm5Zr0", "SERVER_URL", "wss://"),
    broken(3, "SERVER_URL=cloud", "SERVER_URL", "wss://"),
    broken(4, "SENSOR=ina999", "SENSOR", "ina219"),
    // 8 cells of LFP reach 29 V.
    Broken { line: 4, text: "SENSOR=ina219", place: 4, key: "SENSOR", remedy: "INA228" },
    Broken { line: 5, text: "", place: 0, key: "SHUNT", remedy: "SHUNT=100A/75mV" },
    broken(5, "SHUNT=75mV", "SHUNT", "SHUNT=100A/75mV"),
    broken(6, "CHEMISTRY=lifepo", "CHEMISTRY", "lfp"),
    broken(7, "CELLS_SERIES=0", "CELLS_SERIES", "CELLS_SERIES=16"),
    broken(8, "CAPACITY_AH=5kWh", "CAPACITY_AH", "CAPACITY_AH=100"),
    broken(9, "SAMPLE_INTERVAL=1ms", "SAMPLE_INTERVAL", "SAMPLE_INTERVAL=1s"),
    broken(9, "I2C_ADDRESS=0x140", "I2C_ADDRESS", "I2C_ADDRESS=0x40"),
    broken(9, "CA_FILE=/nowhere/ca.pem", "CA_FILE", "CA_FILE=/"),
    broken(9, "LOG_LEVEL=loud", "LOG_LEVEL", "error, warn, info"),
    broken(9, "CURRENT_SIGN=minus", "CURRENT_SIGN", "inverted"),
    broken(9, "DIVIDER=-2", "DIVIDER", "DIVIDER=2"),
    broken(9, "SAMPLE_INTERVALL=1s", "SAMPLE_INTERVALL", "SAMPLE_INTERVAL="),
    broken(9, "sk_live_Hk2Vt8Qm5Zr0", "", "KEY=value"),
    broken(5, "SHUNT=100A/100mV", "SHUNT", "100A/75mV"),
    broken(9, "MAX_LOAD_CURRENT=200", "MAX_LOAD_CURRENT", "up to 109.2 A; set it to that or less"),
    broken(9, "MAX_CHARGE_CURRENT=110A", "MAX_CHARGE_CURRENT", "a shunt of at most"),
    broken(9, "EMPTY_SOC=96", "CHARGE_AGAIN_SOC", "lower EMPTY_SOC").at(0),
    broken(9, "MIN_CHARGE_TEMPERATURE=60", "MIN_CHARGE_TEMPERATURE", "never be charged"),
    broken(4, "BOARD=x728", "BOARD", "BOARD=geekworm-x728"),
    broken(4, "BOARD=waveshare-ups-hat-e", "BOARD", "leave BOARD out and set SENSOR"),
];

fn start(file: impl AsRef<[u8]>) -> Finished {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("config.env");
    fs::write(&path, file).unwrap();
    start_with(Command::new(program("ems-edge")).arg("run").arg("--config").arg(&path))
}

fn start_with(command: &mut Command) -> Finished {
    let mut clean = Command::new(command.get_program());
    clean.env_clear().args(command.get_args());
    run(clean)
}

#[test]
fn each_mistake_ends_the_daemon_with_78_and_a_sentence_that_names_key_line_and_remedy() {
    for Broken { line, text, place, key, remedy } in FILES {
        let mut lines = GOOD.to_vec();
        match lines.get_mut(line.wrapping_sub(1)) {
            Some(good) => *good = text,
            None => lines.push(text),
        }
        let finished = start(lines.join("\n"));
        let said = &finished.stderr;
        assert_eq!(finished.status, EX_CONFIG, "{text:?}: {finished:?}");
        assert!(said.starts_with("1 mistake in the configuration"), "{text:?}: {said}");
        let place = if place == 0 { "config.env: ".to_owned() } else { format!("config.env:{place}: ") };
        assert!(said.contains(&place), "{text:?} is not at {place}: {said}");
        assert!(said.contains(key) && said.contains(remedy), "{text:?}: no {key} or no {remedy}: {said}");
        assert!(
            !finished.stderr.contains(SECRET) && !finished.stdout.contains(SECRET),
            "the token is shown: {said}"
        );
    }
}

#[test]
fn all_mistakes_of_a_file_are_said_in_one_go() {
    let finished =
        start("DEVICE_ID=?\nAPI_TOKEN=sk_live_Hk2Vt8Qm5Zr0\nSERVER_URL=x\nSENSOR=none\nSHUNT=1\nWHAT=1\n");
    assert_eq!(finished.status, EX_CONFIG);
    for words in [":1: DEVICE_ID", ":3: SERVER_URL", ":4: SENSOR", ":5: SHUNT", ":6: "] {
        assert!(finished.stderr.contains(words), "{words} is missing: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains(SECRET), "{}", finished.stderr);
}

#[test]
fn a_file_that_is_no_configuration_is_one_clear_mistake() {
    let picture: Vec<u8> = (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let utf16: Vec<u8> = "\u{feff}DEVICE_ID=ems_001".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (what, file) in [
        ("nothing", Vec::new()),
        ("a picture", picture),
        ("UTF-16", utf16),
        ("too much", vec![b'#'; 1 << 20]),
    ] {
        let finished = start(&file);
        assert_eq!(finished.status, EX_CONFIG, "{what}");
        assert!(
            finished.stderr.contains("config.env") && finished.stderr.len() < 10_000,
            "{what}: {}",
            finished.stderr
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_what_to_do() {
    let dir = TempDir::new().unwrap();
    for (path, words) in
        [(dir.path().join("config.env"), "does not exist"), (dir.path().to_owned(), "is a directory")]
    {
        let finished = start_with(Command::new(program("ems-edge")).arg("run").arg("--config").arg(&path));
        assert_eq!(finished.status, EX_CONFIG, "{finished:?}");
        assert!(
            finished.stderr.contains(words) && finished.stderr.contains(path.to_str().unwrap()),
            "{finished:?}"
        );
    }
}

#[test]
fn a_mistake_in_the_arguments_is_told_from_one_in_the_file() {
    for arguments in [&["run", "--confg", "x"][..], &["start"], &[]] {
        let finished = start_with(Command::new(program("ems-edge")).args(arguments));
        assert_eq!(finished.status, 64, "{arguments:?}: {finished:?}");
        assert!(finished.stderr.contains("Usage"), "{finished:?}");
    }
}
