//! A Qorvo DWM1001 at a pseudo-terminal: what it prints, what it is told, and being pulled out.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tempfile::TempDir;

use crate::wait::until;

/// A module whose port has one name, whatever terminal stands behind it.
#[derive(Debug)]
pub struct Dwm1001 {
    /// Under `/dev`, where ports are.
    folder: TempDir,
    plugged: Option<Plugged>,
}

#[derive(Debug)]
struct Plugged {
    wire: File,
    /// Kept open, so that what is written before somebody reads is not lost.
    _port: File,
    heard: String,
}

impl Dwm1001 {
    /// A module that is not plugged in yet.
    #[track_caller]
    pub fn new() -> Self {
        let folder = TempDir::new_in("/dev/shm").expect("a folder under /dev");
        Self { folder, plugged: None }
    }

    /// The name of its port.
    pub fn port(&self) -> PathBuf {
        self.folder.path().join("ttyACM0")
    }

    /// Plugs it in.
    #[track_caller]
    pub fn plug(&mut self) {
        let wire: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&wire).expect("a terminal");
        unlockpt(&wire).expect("a terminal");
        let name = ptsname(&wire, Vec::new()).expect("a terminal has a name");
        let name = name.into_string().expect("a plain name");
        let port = File::options().read(true).write(true).open(&name).expect("a terminal");
        // A module does not send back what it is told.
        let mut modes = tcgetattr(&port).expect("a terminal has modes");
        modes.make_raw();
        tcsetattr(&port, OptionalActions::Now, &modes).expect("a terminal takes modes");
        fcntl_setfl(&wire, OFlags::NONBLOCK).expect("a terminal that does not block");
        symlink(Path::new(&name), self.port()).expect("a name for the port");
        self.plugged = Some(Plugged { wire: File::from(wire), _port: port, heard: String::new() });
    }

    /// Pulls it out.
    #[track_caller]
    pub fn unplug(&mut self) {
        fs::remove_file(self.port()).expect("the port's name");
        self.plugged = None;
    }

    /// Prints bytes.
    #[track_caller]
    pub fn print(&mut self, text: &str) {
        self.plugged().wire.write_all(text.as_bytes()).expect("somebody at the port");
    }

    /// Waits until it was told `words`, behind what was waited for before.
    #[track_caller]
    pub fn is_told(&mut self, words: &str) {
        let plugged = self.plugged();
        until(&format!("{words:?} at the module"), || {
            let mut buffer = [0; 256];
            if let Ok(length) = plugged.wire.read(&mut buffer) {
                plugged.heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
            let end = plugged.heard.find(words)? + words.len();
            plugged.heard.drain(..end);
            Some(())
        });
    }

    #[track_caller]
    fn plugged(&mut self) -> &mut Plugged {
        self.plugged.as_mut().expect("a module that is plugged in")
    }
}

impl Default for Dwm1001 {
    fn default() -> Self {
        Self::new()
    }
}
