//! `ems-edge run`: the daemon.

use std::path::Path;
use std::process::ExitCode;

use rustix::io::Errno;
use tracing::{error, warn};

use super::EX_CONFIG;
use crate::config::Mistakes;
use crate::daemon::{DaemonError, Origin};
use crate::{config, daemon, health, journal};

pub(super) fn run(path: Option<&Path>) -> ExitCode {
    let loaded = match config::load(path, |key| std::env::var_os(key)) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            journal::complain(&mistakes.to_string());
            tell(&in_short(&mistakes), Errno::INVAL);
            return ExitCode::from(EX_CONFIG);
        }
    };
    let log = journal::start(loaded.config.log_level);
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    match daemon::run(&loaded.config, Origin { path: loaded.path, log, spare_token: loaded.spare_token }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            error!("{problem}");
            let is_of_configuration = matches!(problem, DaemonError::Trust(_) | DaemonError::Proxy(_));
            let errno = match &problem {
                DaemonError::Trust(_) | DaemonError::Proxy(_) => Errno::INVAL,
                DaemonError::Folder(_) => Errno::BUSY,
                DaemonError::System(_, error) => Errno::from_io_error(error).unwrap_or(Errno::IO),
            };
            tell(&problem.to_string(), errno);
            if is_of_configuration { ExitCode::from(EX_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

fn tell(why: &str, errno: Errno) {
    health::tell_failure(why, errno.raw_os_error().unsigned_abs());
}

/// The remedy, the keys, and the first mistake: `systemctl status` shows it in one line.
fn in_short(mistakes: &Mistakes) -> String {
    let first = mistakes.iter().next().map(ToString::to_string).unwrap_or_default();
    let mut keys: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.key).collect();
    keys.dedup();
    let all = match mistakes.count() {
        0 | 1 => String::new(),
        count => format!("{count} mistakes ({}), the first: ", keys.join(", ")),
    };
    format!(
        "not configured: run sudo ems-edge setup, or mend the file and systemctl restart ems-edge; {all}{first}"
    )
}
