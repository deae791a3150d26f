//! `ems-edge outputs-safe`: switches all outputs off when no daemon is there any more to do so.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::IN_TROUBLE;
use super::output::{complain, say};
use crate::config::effective;
use crate::outputs::{GpioError, Plan, make_safe, recorded};
use crate::status::{AskError, Request, ask, sockets_below};

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

A running daemon drives them itself: stop it first.

Example: sudo ems-edge outputs-safe

Exit status: 0   they are off, or there are none
             1   one of them could not be switched off, or a daemon runs: why
             64  wrong arguments";

/// Where daemons keep what is in RAM, when nothing says otherwise.
const RUNTIME_DIR: &str = "/run/ems-edge";

pub(super) fn outputs_safe(options: &Options) -> ExitCode {
    // A configuration with a mistake in it still names its outputs.
    let entries = effective(options.config.as_deref(), |key| std::env::var_os(key));
    let value = |name: &str| entries.iter().find(|entry| entry.key.name == name)?.value();
    let mut plans: Vec<Plan> = value("OUTPUTS").and_then(|text| Plan::parse(text).ok()).into_iter().collect();
    let runtime_dir = Path::new(value("RUNTIME_DIR").unwrap_or(RUNTIME_DIR));
    if let Some(device_id) = running_in(runtime_dir) {
        complain(&format!(
            "the daemon of {device_id} runs and drives its outputs itself: stop it (sudo systemctl stop ems-edge), which switches them off"
        ));
        return ExitCode::from(IN_TROUBLE);
    }
    plans.extend(recorded(runtime_dir));
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

/// The device of a daemon that answers. One that has ended or hangs, as where the service manager has just killed it, does
/// not: its pins are to be made safe.
fn running_in(runtime_dir: &Path) -> Option<String> {
    let answers = |path: &Path| matches!(ask(path, Request::Status), Ok(_) | Err(AskError::OtherVersion));
    sockets_below(runtime_dir).into_iter().find(|(_, path)| answers(path)).map(|(device_id, _)| device_id)
}
