//! This program and the running daemon are the same.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::sample::FIRMWARE_VERSION;

pub(super) fn judge(facts: &Facts) -> Verdict {
    match facts.snapshot() {
        Some(snapshot) if snapshot.version != FIRMWARE_VERSION => Verdict::warning(
            "version.differs",
            format!("ems-edge {FIRMWARE_VERSION} is installed, and {} runs", snapshot.version),
            "systemctl restart ems-edge",
        ),
        Some(_) => Verdict::Ok(format!("ems-edge {FIRMWARE_VERSION}, and so is the running daemon")),
        None => Verdict::Ok(format!("ems-edge {FIRMWARE_VERSION}")),
    }
}
