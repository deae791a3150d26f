//! Room on the card, and what it says of its own health.

use std::fs;
use std::path::PathBuf;

use rustix::fs::statvfs;

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

const MB: u64 = 1024 * 1024;
/// With less than this many bytes nothing can be kept.
const FULL: u64 = 2 * MB;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let Some(config) = facts.settings() else { return super::nobody_can_tell(facts) };
    let folder = config.state_dir.join(config.device_id.as_str());
    let Some(existing) = folder.ancestors().find(|path| path.exists()) else {
        return Verdict::Skipped(format!("{} cannot be looked at", folder.display()));
    };
    let system = match statvfs(existing) {
        Ok(system) => system,
        Err(error) => {
            return Verdict::Skipped(format!("{} cannot be looked at ({error})", existing.display()));
        }
    };
    let free = system.f_bavail * system.f_frsize;
    let is_out_of_files = system.f_files > 0 && system.f_favail == 0;
    if free < FULL || is_out_of_files {
        let what = if is_out_of_files { "no more files fit on" } else { "no room is left on" };
        return Verdict::failed(
            "card.full",
            format!("{what} the file system of {} ({} kB free)", existing.display(), free / 1024),
            "make room: sudo journalctl --vacuum-size=50M, sudo apt-get clean; du -xh / | sort -h shows what is large",
        );
    }
    if let Some(trouble) = facts.snapshot().and_then(|snapshot| snapshot.backlog.card_trouble.as_ref()) {
        return Verdict::failed_as_said("card.trouble", trouble);
    }
    if let Some(verdict) = wear(facts) {
        return verdict;
    }
    let wanted = config.backlog_max_mb * MB;
    if free < wanted {
        return Verdict::warning(
            "card.little_room",
            format!("{} MB are free, and BACKLOG_MAX_MB lets samples take {} MB", free / MB, wanted / MB),
            "make room, or set BACKLOG_MAX_MB lower",
        );
    }
    Verdict::Ok(format!("{} MB are free", free / MB))
}

/// What eMMC (JESD84-B51, `PRE_EOL_INFO`) and ext4 say.
fn wear(facts: &Facts) -> Option<Verdict> {
    let read = |path: PathBuf| Some(fs::read_to_string(path).ok()?.trim().to_owned());
    let entries = |folder: &str| fs::read_dir(facts.root.join(folder)).into_iter().flatten().flatten();
    let worn = entries("sys/block").find(|disk| {
        let left = read(disk.path().join("device/pre_eol_info"));
        matches!(left.as_deref(), Some("0x02" | "0x03"))
    });
    if let Some(disk) = worn {
        return Some(Verdict::warning(
            "card.worn",
            format!("{} is nearly worn out, by its own count", disk.file_name().to_string_lossy()),
            "copy it to a new card soon",
        ));
    }
    let errors = entries("sys/fs/ext4").find_map(|system| {
        let count = read(system.path().join("errors_count")).filter(|count| count != "0")?;
        Some((system.file_name().to_string_lossy().into_owned(), count))
    });
    let (name, count) = errors?;
    Some(Verdict::warning(
        "card.errors",
        format!("the file system on {name} has seen {count} errors"),
        "reboot with fsck.mode=force; if they come again, a new card",
    ))
}
