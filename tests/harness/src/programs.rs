//! Where the programs under test are.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder with the programs of the profile that the tests were built with (`target/debug`).
pub fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test program knows its own path");
    // target/debug/deps/minute-0123456789abcdef
    test.ancestors().nth(2).expect("a test program lies in target/PROFILE/deps").to_owned()
}

/// The built program `name`.
pub fn program(name: &str) -> PathBuf {
    let path = target_dir().join(name);
    assert!(path.is_file(), "{} is not built: run `cargo build --workspace --bins`", path.display());
    path
}

/// The built example `name` of the cloud.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = target_dir().join("examples").join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build -p ems-cloud --example {name}`",
        path.display()
    );
    path
}

/// A Chromium for the tests of the page.
pub fn chromium() -> PathBuf {
    let path =
        std::env::var_os("EMS_TEST_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run `apt-get install chromium`, or set EMS_TEST_CHROMIUM to a Chromium",
        path.display()
    );
    path
}
