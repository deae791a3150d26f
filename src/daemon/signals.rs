//! What asks the daemon to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::DaemonError;

/// SIGTERM and SIGINT, caught.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn catch() -> Result<Self, DaemonError> {
        let terminate = signal(SignalKind::terminate()).map_err(|e| DaemonError::System("SIGTERM", e))?;
        let interrupt = signal(SignalKind::interrupt()).map_err(|e| DaemonError::System("SIGINT", e))?;
        Ok(Self { terminate, interrupt })
    }

    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
