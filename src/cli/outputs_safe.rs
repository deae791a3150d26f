//! `ems-edge outputs-safe`: switches all outputs off when no daemon is there any more to do so.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::IN_TROUBLE;
use super::output::{complain, say};
use crate::config::effective;
use crate::outputs::{GpioError, Plan, make_safe, recorded};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge outputs-safe --help`.
pub(super) const HELP: &str = "\
Switched off are the outputs of the configuration, as far as it can be read, and those that a daemon has driven since
the last boot. The service does it before each start and after each end (ExecStartPre=, ExecStopPost=).

Example: sudo ems-edge outputs-safe

Exit status: 0   they are off, or there are none
             1   one of them could not be switched off: why
             64  wrong arguments";

/// Where daemons keep what is in RAM, when nothing says otherwise.
const RUNTIME_DIR: &str = "/run/ems-edge";

pub(super) fn outputs_safe(options: &Options) -> ExitCode {
    // A configuration with a mistake in it still names its outputs.
    let entries = effective(options.config.as_deref(), |key| std::env::var_os(key));
    let value = |name: &str| entries.iter().find(|entry| entry.key.name == name)?.value();
    let mut plans: Vec<Plan> = value("OUTPUTS").and_then(|text| Plan::parse(text).ok()).into_iter().collect();
    plans.extend(recorded(value("RUNTIME_DIR").unwrap_or(RUNTIME_DIR).as_ref()));
    match make_safe(&plans) {
        // Without GPIO, nothing can have driven them.
        Ok(0) | Err(GpioError::Absent) => ExitCode::SUCCESS,
        Ok(count) => {
            say(&format!("{count} outputs are off\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("{error}: switch the outputs off by hand"));
            ExitCode::from(IN_TROUBLE)
        }
    }
}
