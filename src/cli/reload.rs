//! `ems-edge reload`: has the running daemon read its configuration anew, and waits for what came of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::ask::runtime_dir;
use super::output::{complain, say};
use super::{EX_UNAVAILABLE, IN_TROUBLE};
use crate::config;
use crate::status::{AskError, Order, OrderError, order, socket_in, sockets_below};

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// The configuration of the daemon in question [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge reload --help`.
pub(super) const HELP: &str = "\
Example: sudo systemctl reload ems-edge

Exit status: 0   the new configuration is in force
             1   it was refused, for the reason that is shown; the old one stays
             69  no daemon runs, it does not answer, or this user may not order it";

pub(super) fn reload(options: &Options) -> ExitCode {
    match find_and_order(options.config.as_deref()) {
        Ok(words) => {
            say(&format!("{words}\n"));
            ExitCode::SUCCESS
        }
        Err(OrderError::Refused(words)) => {
            complain(&format!("refused, the old configuration stays in force: {words}"));
            ExitCode::from(IN_TROUBLE)
        }
        Err(OrderError::Ask(AskError::NotRunning(path))) => {
            complain(&format!(
                "nobody answers at {}: start it with systemctl start ems-edge; journalctl -u ems-edge says why it ended",
                path.display()
            ));
            ExitCode::from(EX_UNAVAILABLE)
        }
        Err(error) => {
            complain(&format!("{error}: try sudo systemctl reload ems-edge"));
            ExitCode::from(EX_UNAVAILABLE)
        }
    }
}

/// The new configuration need not be usable, nor name the device that runs: then it is the only daemon that is meant.
fn find_and_order(config: Option<&Path>) -> Result<String, OrderError> {
    if let Ok(loaded) = config::load(config, |key| std::env::var_os(key)) {
        let config = loaded.config;
        match order(&socket_in(&config.runtime_dir, config.device_id.as_str()), Order::Reload) {
            Err(OrderError::Ask(AskError::NotRunning(_))) => {}
            outcome => return outcome,
        }
    }
    let folder = runtime_dir(config);
    // Those that killed daemons have left behind do not answer.
    for (_, socket) in sockets_below(&folder) {
        match order(&socket, Order::Reload) {
            Err(OrderError::Ask(AskError::NotRunning(_))) => {}
            outcome => return outcome,
        }
    }
    Err(AskError::NotRunning(folder).into())
}
