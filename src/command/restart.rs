//! `RESTART`: the daemon ends in order, and systemd starts it anew (`Restart=always`).

use super::tools::Tools;

/// To be called once the answer is delivered.
pub(super) fn act(tools: &Tools) {
    tracing::info!("the cloud asks for a restart");
    // Full or closed: it is stopping already.
    let _ = tools.stop.try_send(());
}
