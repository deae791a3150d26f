//! The control groups of a machine: made by `boot.sh`, and removed here, because nothing else does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ems_test_harness::until_within;

/// A process that has been killed leaves its group only after a moment.
const LIMIT: Duration = Duration::from_secs(20);

/// The groups of the machine `name`, one in each hierarchy.
pub(crate) fn of(name: &str) -> Vec<PathBuf> {
    let hierarchies = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
    hierarchies
        .iter()
        .map(|hierarchy| Path::new(hierarchy).join(name))
        .filter(|group| group.is_dir())
        .collect()
}

/// Removes them; their processes have been killed.
pub(crate) fn remove(name: &str) {
    for group in of(name) {
        until_within(LIMIT, "the end of a machine's processes", || {
            remove_tree(&group);
            (!group.exists()).then_some(())
        });
    }
}

/// Innermost first; a group that still has processes stays.
fn remove_tree(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    drop(fs::remove_dir(group));
}
