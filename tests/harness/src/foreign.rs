//! Python programs under `tests/foreign`: clients and servers that share no code with ours.

use std::path::PathBuf;
use std::process::Command;

use crate::programs::repository;

/// A script under `tests/foreign`.
#[derive(Debug, Clone, Copy)]
pub struct PythonScript(pub &'static str);

/// The interpreter with the packages of `tests/foreign/requirements.txt`.
pub fn python() -> PathBuf {
    let path = match std::env::var_os("EMS_TEST_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => repository().join(".cache/venv/bin/python"),
    };
    assert!(
        path.is_file(),
        "{} is missing: run `scripts/test-venv`, or set EMS_TEST_PYTHON to a Python with the packages of \
         tests/foreign/requirements.txt",
        path.display()
    );
    path
}

impl PythonScript {
    /// The command that runs it, in a clean environment.
    pub fn command(self) -> Command {
        let path = repository().join("tests/foreign").join(self.0);
        assert!(path.is_file(), "{} is missing", path.display());
        let mut command = Command::new(python());
        // Unbuffered: the test reads each line as it comes. No byte code beside the sources.
        command.env_clear().args(["-u", "-B"]).arg(path);
        command
    }
}
