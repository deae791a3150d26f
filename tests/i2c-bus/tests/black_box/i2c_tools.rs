//! The programs of Debian's i2c-tools, unmodified.

use std::process::{Command, Stdio};

use crate::bench::{Bench, CHIPS, text};

/// Runs `script` on a bus that has the usual chips and `faults`.
fn tools(faults: &str, script: &str) -> (String, String) {
    let tool = Command::new("sh").args(["-c", "command -v i2ctransfer"]).stdout(Stdio::null()).status();
    assert!(tool.unwrap().success(), "i2c-tools is missing: apt-get install i2c-tools");
    let output = Bench::new(&format!("{CHIPS}{faults}")).shell(script);
    (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

#[test]
fn i2ctransfer_reads_a_register_and_names_the_fault() {
    let read = "i2ctransfer -y 1 w1@0x42 0x02 r2";
    assert_eq!(tools("", read), ("0x1f 0x42\n".to_owned(), String::new()));
    for (faults, script, sentence) in [
        ("", "i2ctransfer -y 1 w1@0x50 0x02 r2", "Remote I/O error"),
        ("fault 110", read, "Connection timed out"),
        ("fault 5", read, "Input/output error"),
        ("", "i2ctransfer -y 1 r2@0x42 r2@0x42", "Operation not supported"),
        ("", "i2cget -y 1 0x42 0x02 wp", "Read failed"),
    ] {
        let (stdout, stderr) = tools(faults, script);
        assert_eq!(stdout, "", "{script} with {faults}");
        assert!(stderr.contains(sentence), "{script} with {faults}: {stderr}");
    }
}

#[test]
fn i2cdetect_finds_the_chips_and_the_busy_address() {
    let (found, _) = tools("busy 0x48", "i2cdetect -y 1");
    // Each row is its number and what was found in it.
    let rows: Vec<_> = found
        .lines()
        .skip(1)
        .filter_map(|row| row.split_once(": "))
        .flat_map(|(_, row)| row.split_whitespace().filter(|cell| *cell != "--"))
        .collect();
    assert_eq!(rows, ["40", "41", "42", "UU"], "{found}");
}

#[test]
fn i2cget_and_i2cset_use_bytes_words_and_blocks() {
    let (found, stderr) = tools(
        "",
        "i2cget -y 1 0x42 0x02 && i2cget -y 1 0x42 0x02 w && i2cget -y 1 0x42 0x02 i 4 &&
         i2cset -y 1 0x42 0x03 0x3412 w && i2cget -y 1 0x42 0x03 w && i2cget -y 1 0x42 &&
         i2cset -y 1 0x42 0x04 0xab 0xcd i && i2cget -y 1 0x42 0x04 i 2 &&
         i2cset -y 1 0x42 0x02 && i2cget -y 1 0x42 && i2cset -y 1 0x42 0x05 0xab s && i2cget -y 1 0x42 0x05 w",
    );
    assert_eq!(stderr, "");
    let found: Vec<_> = found.lines().collect();
    // The chip sends the high byte first, the SMBus word has the low byte first.
    assert_eq!(
        found,
        ["0x1f", "0x421f", "0x1f 0x42 0x1f 0x42", "0x3412", "0x12", "0xab 0xcd", "0x1f", "0xab01"]
    );
}

#[test]
fn i2cdetect_is_told_what_the_adapter_can_do() {
    let (functions, _) = tools("", "i2cdetect -F 1");
    for (function, can) in [("I2C ", "yes"), ("SMBus Read Word", "yes"), ("SMBus Block Read", "no")] {
        let line = functions.lines().find(|line| line.starts_with(function)).unwrap();
        assert!(line.ends_with(can), "{line}");
    }
}
