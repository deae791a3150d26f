//! Every chip that `ems-edge` reads, at the other end of real `I2C_RDWR` ioctls on a bus that refuses what the Pi's
//! refuses, and the kernel's devices: the values, the ends of the range, restarts, other chips in their place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod choice;
mod kernel;
mod restarts;
mod values;

use std::fs;
use std::process::{Command, Output};

use ems_test_harness::program;
use tempfile::TempDir;

/// 100 A/75 mV at a 16s LFP pack.
const PACK_48_V: [(&str, &str); 3] = [("SHUNT", "100A/75mV"), ("CHEMISTRY", "lfp"), ("CELLS_SERIES", "16")];

fn at_48_v(sensor: &'static str) -> Vec<(&'static str, &'static str)> {
    [PACK_48_V.as_slice(), &[("SENSOR", sensor)]].concat()
}

/// Runs `ems-edge` with these words and a configuration.
fn once(words: &[&str], settings: &[(&str, &str)], around: impl FnOnce(Command) -> Command) -> Output {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("config.env");
    let own = [
        ("DEVICE_ID", "ems_001"),
        ("API_TOKEN", "sk_0123456789abcdef0123456789abcdef"),
        ("SERVER_URL", "ws://127.0.0.1:9"),
        ("CAPACITY_AH", "100"),
        ("STATE_DIR", dir.path().to_str().unwrap()),
        ("RUNTIME_DIR", dir.path().to_str().unwrap()),
    ];
    let lines: Vec<String> =
        own.iter().chain(settings).map(|(key, value)| format!("{key}='{value}'\n")).collect();
    fs::write(&path, lines.concat()).unwrap();
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().args(words).arg("--config").arg(&path);
    around(command).output().unwrap()
}
