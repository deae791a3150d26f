//! What the machine is, and what its journal has.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::doctor::said_by;

/// Files that say it.
const FILES: [&str; 8] = [
    "/sys/firmware/devicetree/base/model",
    "/etc/os-release",
    "/proc/version",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/cmdline",
    "/boot/firmware/config.txt",
    "/boot/config.txt",
];
/// Programs that say it.
const PROGRAMS: [&str; 8] = [
    "df -h",
    "free -m",
    "ls -l /dev/i2c-1 /etc/ems-edge /var/lib/ems-edge",
    "id ems-edge",
    "timedatectl status --no-pager",
    "ip -brief address",
    "systemctl status ems-edge --no-pager --lines=0",
    "systemctl cat ems-edge --no-pager",
];
/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Each file and program with what it says.
pub(super) fn describe() -> String {
    let mut text = String::new();
    for path in FILES {
        if let Ok(contents) = fs::read_to_string(path) {
            section(&mut text, path, contents.trim_end_matches('\0'));
        }
    }
    for line in PROGRAMS {
        section(&mut text, line, &said(line));
    }
    text
}

/// The last lines of the service in the journal.
pub(super) fn journal() -> String {
    said("journalctl --unit=ems-edge --lines=3000 --no-pager --output=short-iso-precise")
}

fn section(text: &mut String, title: &str, contents: &str) {
    // A String takes all.
    let _ = writeln!(text, "== {title}\n{}\n", contents.trim_end());
}

fn said(line: &str) -> String {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).env("LC_ALL", "C.UTF-8");
    // One that complains has still said something: systemctl status of a stopped service ends with 3.
    said_by(&mut command, Instant::now() + LIMIT).map_or_else(|why| format!("({why})\n"), |(text, _)| text)
}
