//! A script that drives a page in a real browser.

use std::fs;
use std::process::{Command, ExitStatus};

use serde_json::Value;

use crate::cloud::{ADMIN, Cloud};
use crate::process::Process;
use crate::programs::{chromium, repository, target_dir};

/// A script of `tests/browser` at work. It tells what it sees on standard output, a word and JSON a line.
#[derive(Debug)]
pub struct Browser {
    process: Process,
}

impl Browser {
    /// Starts the script of that name, which logs in at `cloud` as [`ADMIN`]; it finds `variables` in its environment.
    #[track_caller]
    pub fn start(script: &str, cloud: &Cloud, variables: &[(&str, &str)]) -> Self {
        let script = repository().join("tests/browser").join(script);
        let installed = script.with_file_name("node_modules/playwright-core/package.json");
        assert!(installed.is_file(), "{} is missing: run `scripts/test-browser`", installed.display());
        // Beside the profile's folder: target/screenshots.
        let screenshots = target_dir().with_file_name("screenshots");
        fs::create_dir_all(&screenshots).expect("a folder for screenshots");
        let mut node = Command::new("node");
        node.arg(script)
            .env("PAGE_URL", cloud.origin())
            .env("PAGE_USER", ADMIN)
            .env("PAGE_PASSWORD", cloud.password())
            .env("CHROMIUM", chromium())
            .env("SCREENSHOTS", screenshots)
            .envs(variables.iter().copied());
        let log = cloud.data_dir().with_file_name("browser.log");
        Self { process: Process::start("the browser's script", node, &log) }
    }

    /// Waits until the script tells `word` and gives what came with it.
    #[track_caller]
    pub fn tells(&mut self, word: &str) -> Value {
        serde_json::from_str(&self.process.line_after(&format!("{word} "))).expect("JSON behind the word")
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }
}
