//! Finding the daemon that is meant, and asking it.

use std::path::{Path, PathBuf};

use crate::config;
use crate::status::{Answer, AskError, GROUP, Request, ask, socket_in, sockets_below};

/// Asks the daemon of the configuration; where that cannot be read, the only one that runs.
pub(super) fn find_and_ask(config: Option<&Path>, request: Request) -> Result<Answer, String> {
    match config::load(config, |key| std::env::var_os(key)) {
        Ok(loaded) => {
            let config = loaded.config;
            let socket = socket_in(&config.runtime_dir, config.device_id.as_str());
            ask(&socket, request).map_err(|error| {
                let others = match error {
                    AskError::NotRunning(_) => running(&config.runtime_dir),
                    _ => Vec::new(),
                };
                match others.first() {
                    None => explain(&error),
                    Some((other, _)) => format!(
                        "no ems-edge runs as {}, but one runs as {other}: if DEVICE_ID was changed, systemctl restart ems-edge",
                        config.device_id
                    ),
                }
            })
        }
        Err(mistakes) => {
            let folder = runtime_dir(config);
            let running = running(&folder);
            match running.as_slice() {
                [(_, socket)] => ask(socket, request).map_err(|error| explain(&error)),
                [] => {
                    let explained = explain(&AskError::NotRunning(folder));
                    Err(format!("{explained}\nThis may be why: {mistakes}"))
                }
                several => {
                    let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
                    Err(format!(
                        "several ems-edge run here ({}): name one by its configuration, ems-edge status --config PATH",
                        names.join(", ")
                    ))
                }
            }
        }
    }
}

/// Where the daemon is looked for when its configuration cannot be used as a whole: a mistake elsewhere takes nothing
/// from the line that says so.
pub(super) fn runtime_dir(config: Option<&Path>) -> PathBuf {
    let settings = config::effective(config, |key| std::env::var_os(key));
    let found = settings.iter().find(|entry| entry.key.name == "RUNTIME_DIR");
    found.and_then(|entry| entry.value()).unwrap_or(RUNTIME_DIR).into()
}

/// Where the package's daemon has it.
const RUNTIME_DIR: &str = "/run/ems-edge";

/// The daemons below `folder` that run, whether or not this user may ask them.
fn running(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut sockets = sockets_below(folder);
    sockets.retain(|(_, path)| !matches!(ask(path, Request::Status), Err(AskError::NotRunning(_))));
    sockets
}

fn explain(error: &AskError) -> String {
    match error {
        AskError::NotRunning(_) => format!(
            "ems-edge does not run ({error}): start it with systemctl start ems-edge; journalctl -u ems-edge says why it ended"
        ),
        AskError::NoPermission(_) => format!(
            "{error}: run sudo ems-edge status, or let this user in with sudo usermod -aG {GROUP} $USER and log in again"
        ),
        AskError::NoAnswer(..) => format!("{error}: if this stays so, systemctl restart ems-edge"),
        AskError::OtherVersion => format!("{error}: systemctl restart ems-edge"),
    }
}
