//! A program at a terminal: what it shows, and what somebody types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::wait::{PATIENCE, poll, until};

/// A program whose terminal is in the hands of a test; killed when dropped.
#[derive(Debug)]
pub struct Pty {
    child: Child,
    keyboard: File,
    /// Kept open: it tells the modes, also after the program has ended.
    terminal: File,
    screen: Arc<Mutex<String>>,
    /// How much of the screen the test has seen.
    seen: usize,
}

impl Pty {
    /// Starts `command` at a terminal of its own.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let controller: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&controller).expect("a terminal");
        unlockpt(&controller).expect("a terminal");
        let name = ptsname(&controller, Vec::new()).expect("a terminal has a name");
        let name = name.into_string().expect("a plain name");
        let terminal = File::options().read(true).write(true).open(name).expect("a terminal");
        let handle = || terminal.try_clone().expect("a second handle");
        let child = command.stdin(handle()).stdout(handle()).stderr(handle()).spawn().expect("a program");
        let keyboard = File::from(controller);
        let screen = Arc::new(Mutex::new(String::new()));
        let (shown, mut output) = (Arc::clone(&screen), keyboard.try_clone().expect("a second handle"));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                shown.lock().expect("no holder panics").push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Self { child, keyboard, terminal, screen, seen: 0 }
    }

    /// Waits until the screen shows `words`, behind what was waited for before.
    #[track_caller]
    pub fn shows(&mut self, words: &str) {
        let found = poll(PATIENCE, || self.screen()[self.seen..].find(words));
        let at = found.unwrap_or_else(|| panic!("{words:?} was not shown:\n{}", self.screen()));
        self.seen += at + words.len();
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).expect("a keyboard");
    }

    /// Waits for `question`, and answers it.
    #[track_caller]
    pub fn answers(&mut self, question: &str, answer: &str) {
        self.shows(question);
        self.types(answer);
    }

    /// Types one byte, such as 3 for Ctrl-C.
    pub fn strikes(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).expect("a keyboard");
    }

    /// Everything that was shown.
    pub fn screen(&self) -> String {
        self.screen.lock().expect("no holder panics").clone()
    }

    /// Whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).expect("a terminal has modes").local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the end of the program and gives its exit status.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        let status =
            until("the end of a program at a terminal", || self.child.try_wait().expect("our own child"));
        status.code().unwrap_or(-1)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
