//! The file in its place: whole or not at all, and never open to others, not for a moment.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, geteuid};

/// The service's group: it reads the file, and root owns it.
const GROUP: &str = "ems-edge";
/// Readable by owner and group.
const MODE_WITH_GROUP: u32 = 0o640;
/// Without such a group it is the owner's alone.
const MODE: u32 = 0o600;

/// A file beside the one that it will replace; removed when dropped before.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    target: PathBuf,
    file: File,
}

impl Draft {
    /// Writes `text` beside `target`, whose folder is made if need be.
    pub(super) fn write(target: &Path, text: &str) -> io::Result<Self> {
        // A link stays one: what it leads to is replaced.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let folder =
            target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let draft = folder.join(format!(".{name}.{}", std::process::id()));
        // From its first byte on it is its owner's alone.
        let file = File::options().write(true).create_new(true).mode(MODE).open(&draft)?;
        let mut this = Self { path: draft, target, file };
        this.file.write_all(text.as_bytes())?;
        this.give_to_group()?;
        this.file.sync_all()?;
        Ok(this)
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it into its place.
    pub(super) fn put(self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        // The name is durable with its folder.
        self.target.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    fn give_to_group(&self) -> io::Result<()> {
        let group = Group::from_name(GROUP).ok().flatten().filter(|_| geteuid().is_root());
        let Some(group) = group else { return Ok(()) };
        fchown(&self.file, None, Some(group.gid.as_raw()))?;
        self.file.set_permissions(fs::Permissions::from_mode(MODE_WITH_GROUP))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing by that name.
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_replaces_the_file_whole_and_keeps_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("real.env"), dir.path().join("config.env"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let draft = Draft::write(&link, "new").unwrap();
        assert_eq!(fs::metadata(draft.path()).unwrap().permissions().mode() & 0o007, 0);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        draft.put().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_draft_that_is_given_up_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        drop(Draft::write(&dir.path().join("etc/config.env"), "new").unwrap());
        assert_eq!(fs::read_dir(dir.path().join("etc")).unwrap().count(), 0);
    }
}
