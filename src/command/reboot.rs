//! `REBOOT`: a file that the system watches (`ems-edge-reboot.path`). The daemon itself may not reboot anything.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::tools::Tools;

/// A wish that nobody has taken by then is withdrawn: it must not come true at some later time.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is looked whether somebody has taken it.
const PAUSE: Duration = Duration::from_millis(100);

/// To be called once the answer is delivered.
pub(super) async fn act(tools: &Tools) {
    let wish = file(tools);
    info!("the cloud asks for a reboot");
    if let Err(error) = fs::write(&wish, b"") {
        warn!("the wish to reboot cannot be written to {}: {error}", wish.display());
        return;
    }
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        sleep(PAUSE).await;
        if !wish.exists() {
            return;
        }
    }
    match fs::remove_file(&wish) {
        Ok(()) => warn!("nobody reboots this machine: systemctl status ems-edge-reboot.path"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => warn!("{} cannot be removed: {error}", wish.display()),
    }
}

fn file(tools: &Tools) -> PathBuf {
    tools.runtime_dir.join("reboot")
}
