//! Programs around a program: another network, another clock, other mounts.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Words that stand before a command line, such as `unshare --mount`. Without any the command stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Wrapper(Vec<String>);

impl Wrapper {
    /// A program from the system's usual folders, with the arguments that stand before the wrapped command.
    #[track_caller]
    pub fn new(program: &str, arguments: &[&str]) -> Self {
        let program = tool(program).to_str().expect("a plain path").to_owned();
        Self([program].into_iter().chain(arguments.iter().map(|&word| word.to_owned())).collect())
    }

    /// A program at that path, likewise.
    pub(crate) fn program(path: &Path, arguments: &[&str]) -> Self {
        let path = path.to_str().expect("a plain path").to_owned();
        Self([path].into_iter().chain(arguments.iter().map(|&word| word.to_owned())).collect())
    }

    /// A script of sh(1), run in a mount namespace of its own, that prepares the way for the program.
    #[track_caller]
    pub fn with_mounts(script: &str) -> Self {
        Self::new("unshare", &["--mount", "sh", "-euc", &format!("{script}\nexec \"$@\""), "sh"])
    }

    /// This one within another.
    #[must_use]
    pub fn inside(self, outer: Self) -> Self {
        Self(outer.0.into_iter().chain(self.0).collect())
    }

    /// After the machine was switched off and on: the kernel has this name for the boot.
    #[track_caller]
    pub fn in_boot(boot_id: &str) -> Self {
        Self::with_mounts(&format!(
            "name=$(mktemp)
             echo {boot_id} >$name
             mount --bind $name /proc/sys/kernel/random/boot_id
             rm $name"
        ))
    }

    /// The same command inside.
    pub(crate) fn around(&self, command: &Command) -> Command {
        let Some((program, arguments)) = self.0.split_first() else {
            return copy(command, command.get_program());
        };
        let mut wrapped = copy(&Command::new(program), program.as_ref());
        wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
        wrapped.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        wrapped.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        wrapped
    }
}

/// An installed program.
#[track_caller]
pub fn tool(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: `scripts/need test` installs it"))
}

fn copy(command: &Command, program: &std::ffi::OsStr) -> Command {
    let mut same = Command::new(program);
    same.env_clear().args(command.get_args());
    same.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    same
}
