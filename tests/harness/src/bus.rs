//! A simulated I2C bus behind the ioctls of a real program: the tool `i2c-bus` with its control file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::programs::program;

/// A bus whose chips and faults can be changed while a program uses it (`tests/i2c-bus/README.md`).
#[derive(Debug)]
pub struct Bus {
    dir: TempDir,
}

impl Bus {
    /// A bus as `control` says.
    pub fn new(control: &str) -> Self {
        let bus = Self { dir: TempDir::new().expect("a temporary folder") };
        bus.set(control);
        bus.plug_in();
        bus
    }

    /// The device node. A regular file does: the ioctls never reach the kernel.
    pub fn node(&self) -> PathBuf {
        self.dir.path().join("i2c-1")
    }

    /// Replaces the control file.
    pub fn set(&self, control: &str) {
        let (new, path) = (self.dir.path().join("new"), self.control());
        fs::write(&new, format!("{control}\n")).expect("a control file");
        // Renamed: the bus never sees half of it.
        fs::rename(new, path).expect("a control file");
    }

    /// Takes the device node away, as with a bus that is switched off.
    pub fn unplug(&self) {
        fs::remove_file(self.node()).expect("a device node");
    }

    /// Gives the device node.
    pub fn plug_in(&self) {
        fs::write(self.node(), "").expect("a device node");
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.dir.path().join("control")
    }

    /// The same command with this bus behind it.
    pub fn around(&self, command: &Command) -> Command {
        self.around_script("exec \"$@\"", command)
    }

    /// The same, and again a few seconds after each end: the chips live on meanwhile, as on a real bus.
    pub(crate) fn around_each_run(&self, command: &Command) -> Command {
        // The daemon ends with this shell, which ends with the bus.
        self.around_script(
            "while :; do /usr/bin/setpriv --pdeathsig KILL \"$@\"; /bin/sleep 3; done",
            command,
        )
    }

    fn around_script(&self, script: &str, command: &Command) -> Command {
        let mut wrapped = Command::new(program("i2c-bus"));
        wrapped.env_clear();
        wrapped.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        wrapped.arg("--bus").arg::<&Path>(&self.control()).arg("--");
        wrapped.args(["/bin/sh", "-c", script, "sh"]);
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped
    }
}
