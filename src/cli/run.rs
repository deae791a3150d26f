//! `ems-edge run`: the daemon.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use tracing::{error, warn};

use super::EX_CONFIG;
use crate::daemon::DaemonError;
use crate::{config, daemon, journal};

pub(super) fn run(path: Option<&Path>) -> ExitCode {
    let loaded = match config::load(path, |key| std::env::var_os(key)) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            drop(writeln!(std::io::stderr(), "{mistakes}"));
            return ExitCode::from(EX_CONFIG);
        }
    };
    let log = journal::start(loaded.config.log_level);
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    match daemon::run(&loaded.config, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            error!("{problem}");
            match problem {
                DaemonError::Trust(_) | DaemonError::Proxy(_) => ExitCode::from(EX_CONFIG),
                DaemonError::Folder(_) | DaemonError::System(..) => ExitCode::FAILURE,
            }
        }
    }
}
