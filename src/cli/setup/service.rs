//! The service, started with the new settings.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::output::{complain, say};

/// Starts the service, or starts it anew if the settings have `changed`; `false` if it does not run then.
pub(super) fn start(changed: bool) -> bool {
    // sd_booted(3).
    if !Path::new("/run/systemd/system").is_dir() {
        say("systemd does not run here: start the daemon with ems-edge run\n");
        return true;
    }
    if !systemctl(&["cat", "ems-edge.service"]) {
        say("there is no unit ems-edge.service: start the daemon with ems-edge run\n");
        return true;
    }
    if !changed && systemctl(&["is-active", "ems-edge.service"]) {
        say("the service runs already\n");
        return true;
    }
    let started = systemctl(&["enable", "ems-edge.service"]) && systemctl(&["restart", "ems-edge.service"]);
    if started {
        say("the service runs; see ems-edge status\n");
    } else {
        complain(
            "the service does not start: systemctl status ems-edge says why, and ems-edge doctor what to do",
        );
    }
    started
}

fn systemctl(words: &[&str]) -> bool {
    let mut command = Command::new("systemctl");
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
