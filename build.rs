//! Stamps the build with a date, so that TLS has a floor for what time it may be.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=.git/HEAD");
    // Reproducible (reproducible-builds.org/specs/source-date-epoch): the packager's date, else the commit's.
    let seconds = env::var("SOURCE_DATE_EPOCH").ok().or_else(of_commit).unwrap_or_else(|| "0".to_owned());
    println!("cargo::rustc-env=EMS_BUILD_SECONDS={}", seconds.trim());
}

fn of_commit() -> Option<String> {
    let log = Command::new("git").args(["log", "-1", "--format=%ct"]).output().ok()?;
    let seconds = String::from_utf8(log.stdout).ok()?;
    (log.status.success() && seconds.trim().parse::<u64>().is_ok()).then_some(seconds)
}
