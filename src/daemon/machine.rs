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

/// The state folder, or nothing where the file system does not let us have one: the battery is still watched.
pub(super) fn claim(config: &Config) -> Result<Option<Folder>, FolderError> {
    match Folder::claim(&config.state_dir, &config.device_id) {
        Ok(folder) => Ok(Some(folder)),
        Err(error @ FolderError::InUse { .. }) => Err(error),
        Err(error @ FolderError::Unusable { .. }) => {
            warn!("{error}; until then a second ems-edge with this identity goes unnoticed");
            Ok(None)
        }
    }
}

pub(super) fn sequence(runtime: Option<&Path>, folder: Option<&Folder>) -> (Sequence, Numbers) {
    let state = folder.map(Folder::path);
    Sequence::open(runtime, state, &kernel_boot_id(), SystemTime.boottime())
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
