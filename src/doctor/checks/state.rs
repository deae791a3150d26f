//! What must outlive a power cut can be written.

use std::fs;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

/// Write and search permission.
const WRITE: u32 = 3;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let Some(config) = facts.settings() else { return super::nobody_can_tell(facts) };
    let parent = &config.state_dir;
    let folder = parent.join(config.device_id.as_str());
    // Before the first start it is not there yet.
    let Some(existing) = folder.ancestors().find(|path| path.exists()) else {
        return Verdict::Skipped(format!("{} cannot be looked at", folder.display()));
    };
    if let Ok(system) = statvfs(existing)
        && system.f_flag.contains(StatVfsMountFlags::RDONLY)
    {
        return Verdict::failed(
            "state.read_only",
            format!("{} is on a file system that can only be read", folder.display()),
            "the kernel does this to a card that fails: dmesg | grep -i ext4; then sudo mount -o remount,rw, or a new card",
        );
    }
    if existing == folder || existing == parent.as_path() {
        return owner(facts, existing);
    }
    Verdict::Ok(format!("{} is made at the first start", parent.display()))
}

fn owner(facts: &Facts, folder: &Path) -> Verdict {
    let account = &facts.account;
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => Verdict::failed(
            "state.not_a_folder",
            format!("{} is not a folder", folder.display()),
            "move it away, or set STATE_DIR",
        ),
        Ok(found) if !account.may(&found, WRITE) => Verdict::failed(
            "state.permission",
            format!("{} may not write to {}", account.name, folder.display()),
            format!("sudo chown -R {}: {}", account.name, folder.display()),
        ),
        Ok(_) => Verdict::Ok(format!("{} may write to {}", account.name, folder.display())),
        Err(error) => Verdict::Skipped(format!("{} cannot be looked at ({error})", folder.display())),
    }
}
