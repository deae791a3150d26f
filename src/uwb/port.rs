//! A serial port, read line by line without a thread.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, speed, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// The longest line that is read, in bytes; a position has about 40.
const MAX_LINE: usize = 256;
/// The module takes two returns within a second for a wish to speak with its shell.
const BETWEEN_RETURNS: Duration = Duration::from_millis(200);
/// The shell prints its greeting.
const GREETING: Duration = Duration::from_secs(1);

pub(super) struct Port {
    file: AsyncFd<File>,
    line: Vec<u8>,
    /// Bytes that were read and not looked at.
    rest: Vec<u8>,
    /// The line is too long: it is passed over to its end.
    too_long: bool,
}

impl Port {
    /// Opens the port for raw bytes; the words say why it cannot be had.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
            .map_err(|error| why(&error))?;
        let mut modes = tcgetattr(&file).map_err(|_| "it is no serial port".to_owned())?;
        modes.make_raw();
        modes
            .set_speed(speed::B115200)
            .and_then(|()| tcsetattr(&file, OptionalActions::Now, &modes))
            .map_err(|error| why(&error.into()))?;
        #[expect(deprecated, reason = "its successor is unsafe; the file is opened here and kept to the end")]
        let file = AsyncFd::new(file).map_err(|error| why(&error))?;
        Ok(Self { file, line: Vec::new(), rest: Vec::new(), too_long: false })
    }

    /// The next line without its end. Losing a race in `select!` loses nothing.
    pub(super) async fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(line) = self.complete() {
                return Ok(line);
            }
            let mut ready = self.file.readable().await.map_err(|error| why(&error))?;
            let mut buffer = [0; MAX_LINE];
            match ready.try_io(|file| file.get_ref().read(&mut buffer)) {
                // The other end has hung up.
                Ok(Ok(0)) => return Err("the module is gone: is it plugged in?".to_owned()),
                Ok(Ok(length)) => self.rest.extend(buffer.iter().take(length)),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(why(&error)),
                Err(_would_block) => {}
            }
        }
    }

    /// Wakes the module's shell and has it print positions. `lep` is a switch: this is for a module that is silent.
    pub(super) async fn ask_for_positions(&mut self) -> Result<(), String> {
        for (text, pause) in [("\r", BETWEEN_RETURNS), ("\r", GREETING), ("lep\r", Duration::ZERO)] {
            // A module that takes nothing is as silent as one that does not answer.
            match self.file.get_ref().write(text.as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(why(&error)),
                _ => sleep(pause).await,
            }
        }
        Ok(())
    }

    /// A line whose end has been read.
    fn complete(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.rest);
        let mut bytes = bytes.into_iter();
        while let Some(byte) = bytes.next() {
            if matches!(byte, b'\r' | b'\n') {
                let line = std::mem::take(&mut self.line);
                let whole = !std::mem::take(&mut self.too_long) && !line.is_empty();
                if whole {
                    self.rest = bytes.collect();
                    return Some(String::from_utf8_lossy(&line).into_owned());
                }
            } else if self.line.len() < MAX_LINE {
                self.line.push(byte);
            } else {
                self.too_long = true;
            }
        }
        None
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such port: is the module plugged in?".to_owned(),
        // Both have the kind PermissionDenied. EPERM is the device cgroup's word, EACCES that of the file's mode.
        _ if error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) => {
            "the unit's sandbox does not let the port through: restart ems-edge, or allow the port by DeviceAllow= (sudo systemctl edit ems-edge)".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "the port may not be opened: is the service in the group dialout?".to_owned()
        }
        // What a port says whose device was pulled out.
        _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
            "the module is gone: is it plugged in?".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_and_the_group_are_told_apart() {
        let words = |errno: rustix::io::Errno| why(&errno.into());
        assert!(words(rustix::io::Errno::PERM).contains("DeviceAllow="));
        assert!(words(rustix::io::Errno::ACCESS).contains("dialout"));
    }
}
