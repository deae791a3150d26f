//! What the daemon takes from the machine it runs on: its folders, the boot's name, the board's.

use std::fs;
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::clock::{SystemTime, TimeSource as _};
use crate::config::Config;
use crate::store::{self, Folder, FolderError, Numbers, Sequence};

/// This identity's folder in RAM, or nothing where the file system does not let us have one.
pub(super) fn runtime(config: &Config) -> Option<PathBuf> {
    store::make(&config.runtime_dir, &config.device_id, "RUNTIME_DIR")
        .inspect_err(|error| {
            warn!("{error}; until then a restart gives the samples a new boot id, and ems-edge status finds nobody");
        })
        .ok()
}

/// The state folder. Where the file system does not let us have it, the store tries again: the battery is watched all
/// the same.
pub(super) fn claim(config: &Config) -> Result<Folder, FolderError> {
    let mut folder = Folder::of(&config.state_dir, &config.device_id);
    match folder.hold() {
        // The store says so.
        Ok(()) | Err(FolderError::Unusable { .. }) => Ok(folder),
        Err(error @ FolderError::InUse { .. }) => Err(error),
    }
}

pub(super) fn sequence(runtime: Option<&Path>, folder: &Folder) -> (Sequence, Numbers) {
    Sequence::open(runtime, Some(folder.path()), &kernel_boot_id(), SystemTime.boottime())
}

/// The kernel's name of this boot.
pub(super) fn kernel_boot_id() -> String {
    // Without /proc (a broken sandbox) the samples still need a name for their series.
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown-boot".to_owned(), |id| id.trim().to_owned())
}

/// The board's name from the device tree; `None` on a machine that has none.
pub(super) fn hardware_model() -> Option<String> {
    let model = fs::read_to_string("/sys/firmware/devicetree/base/model").ok()?;
    Some(model.trim_end_matches(['\0', '\n']).to_owned())
}
