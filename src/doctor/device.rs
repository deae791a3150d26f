//! The look at the sensor while no daemon runs: in a process of its own, as the service's user.
//!
//! A process of its own, because a transfer on a stuck bus cannot be broken off, and nobody shall wait for it. The
//! service's user, because what root may open says nothing about the service.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::command::output;
use crate::sensor::{Registers, SensorError, SensorKind, Wiring, look};

/// What came of it.
pub type SensorLook = Result<Vec<Registers>, SensorTrouble>;

/// Why there is no reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorTrouble {
    /// The sort of failure, as [`SensorError::kind`] names it.
    pub kind: String,
    /// What the kernel answered.
    pub errno: Option<i32>,
    /// Cause, colon, remedy.
    pub words: String,
}

/// How often the chip is looked at: a few seconds show whether the voltage follows the current.
pub const LOOKS: u32 = 9;
/// Between two looks, in ms.
pub const PAUSE_MS: u32 = 400;

impl From<SensorError> for SensorTrouble {
    fn from(error: SensorError) -> Self {
        Self { kind: error.kind().to_owned(), errno: error.errno(), words: error.to_string() }
    }
}

/// Looks at the chip of `wiring` as `account`, until `deadline`.
pub(super) fn look_as(account: &Account, wiring: &Wiring, deadline: Instant) -> SensorLook {
    if wiring.kind == SensorKind::Simulated {
        return look(wiring, LOOKS, PAUSE_MS).map_err(SensorTrouble::from);
    }
    let trouble = |kind: &str, words: String| SensorTrouble { kind: kind.to_owned(), errno: None, words };
    let program = std::env::current_exe().map_err(|error| {
        trouble("unknown", format!("this program cannot find itself ({error}): reinstall it"))
    })?;
    let mut command = as_user(account, &program);
    command.arg("look").arg("--bus").arg(wiring.bus.as_os_str()).arg("--address");
    command.arg(format!("{:#04x}", wiring.address)).arg("--chip").arg(wiring.kind.word());
    let answer = output(&mut command, deadline).map_err(|why| {
        let device = wiring.device();
        if why.contains("in time") {
            trouble(
                "bus hangs",
                format!("{device} gave no answer in time, the bus hangs: power-cycle the sensor"),
            )
        } else {
            trouble("unknown", format!("{device} could not be looked at ({why}): run ems-edge read"))
        }
    })?;
    serde_json::from_str::<Answer>(&answer)
        .map_err(|error| {
            trouble("unknown", format!("the look at the sensor gave nonsense ({error}): reinstall"))
        })?
        .into_result()
}

/// `program` as that user, where this process may become somebody else and somebody else may run it.
fn as_user(account: &Account, program: &Path) -> Command {
    if geteuid().is_root() && account.is_service && account.uid != 0 {
        let ids = [format!("--reuid={}", account.uid), format!("--regid={}", account.gid)];
        let groups: Vec<_> = account.groups.iter().map(u32::to_string).collect();
        let become_it = |what: &[&str]| {
            let mut command = Command::new("setpriv");
            command.args(&ids).arg(format!("--groups={}", groups.join(","))).args(what).arg("--");
            command
        };
        let mut try_it = become_it(&["--no-new-privs"]);
        try_it.arg("test").arg("-x").arg(std::ffi::OsStr::from_bytes(program.as_os_str().as_bytes()));
        if try_it.status().is_ok_and(|status| status.success()) {
            let mut command = become_it(&["--no-new-privs"]);
            command.arg(program);
            return command;
        }
    }
    Command::new(program)
}

/// What the process says, in one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What it has seen.
    Looks(Vec<Registers>),
    /// Why it has seen nothing.
    Trouble(SensorTrouble),
}

impl Answer {
    /// What `ems-edge look` prints.
    pub fn of(result: Result<Vec<Registers>, SensorError>) -> Self {
        match result {
            Ok(looks) => Self::Looks(looks),
            Err(error) => Self::Trouble(error.into()),
        }
    }

    fn into_result(self) -> SensorLook {
        match self {
            Self::Looks(looks) => Ok(looks),
            Self::Trouble(trouble) => Err(trouble),
        }
    }
}
