//! `ems-edge version`.

use std::process::ExitCode;

use clap::Args;
use ems_protocol::Timestamp;
use serde_json::json;

use super::output::{self, say};
use crate::sample::FIRMWARE_VERSION;

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
}

/// The end of `ems-edge version --help`.
pub(super) const HELP: &str = "Example: ems-edge version --json | jq -r .version";

/// When this program was built, in seconds since 1970 (`build.rs`).
const BUILT: &str = env!("EMS_BUILD_SECONDS");

pub(super) fn version(options: &Options) -> ExitCode {
    let built = Timestamp::from_millis(BUILT.parse::<i64>().unwrap_or(0) * 1000);
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    say(&if options.json {
        output::json(&json!({"version": FIRMWARE_VERSION, "built": built, "target": target}))
    } else {
        format!("ems-edge {FIRMWARE_VERSION} ({target}, sources of {built})\n")
    });
    ExitCode::SUCCESS
}
