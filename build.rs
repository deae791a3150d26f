//! Stamps the build with a date, so that TLS has a floor for what time it may be; links what is shipped without what it
//! never reads.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=.git/HEAD");
    // Reproducible (reproducible-builds.org/specs/source-date-epoch): the packager's date, else the commit's.
    let seconds = env::var("SOURCE_DATE_EPOCH").ok().or_else(of_commit).unwrap_or_else(|| "0".to_owned());
    println!("cargo::rustc-env=EMS_BUILD_SECONDS={}", seconds.trim());
    // The profile `device`: cargo does not tell its name.
    if env::var("OPT_LEVEL").is_ok_and(|level| level == "s") {
        link_for_device();
    }
}

/// A panic aborts and nothing is left to name a frame by: a tenth of the program would be tables for unwinding. Relocations
/// take 3 % of their space in the packed form, which glibc reads since 2.36 (Debian 12); a linker that does not know it says so
/// and goes on.
fn link_for_device() {
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed=scripts/device.ld");
    println!("cargo::rustc-link-arg-bin=ems-edge=-Wl,-T,{folder}/scripts/device.ld");
    println!("cargo::rustc-link-arg-bin=ems-edge=-Wl,-z,pack-relative-relocs");
}

fn of_commit() -> Option<String> {
    let log = Command::new("git").args(["log", "-1", "--format=%ct"]).output().ok()?;
    let seconds = String::from_utf8(log.stdout).ok()?;
    (log.status.success() && seconds.trim().parse::<u64>().is_ok()).then_some(seconds)
}
