//! Other programs that are asked, with a bound on their time.

use std::io::Read as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// What a program may print, in bytes.
const MOST: u64 = 1024 * 1024;

/// What `command` prints until it ends well; an error is a sentence about why there is nothing.
pub(super) fn output(command: &mut Command, deadline: Instant) -> Result<String, String> {
    match said_by(command, deadline)? {
        (text, status) if status.success() => Ok(text),
        (_, status) => Err(format!("{}: {status}", command.get_program().to_string_lossy())),
    }
}

/// What `command` prints until it ends, and how it ends; an error is a sentence about why there is nothing.
///
/// One that does not end by `deadline` is killed, and not waited for: a process that the kernel holds in a bus
/// transfer ends only with it.
pub fn said_by(command: &mut Command, deadline: Instant) -> Result<(String, ExitStatus), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |why: &dyn std::fmt::Display| format!("{name}: {why}");
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = spawned.map_err(|error| failed(&error))?;
    let pipe = child.stdout.take();
    let reader = spawn(move || {
        let mut bytes = Vec::new();
        // Half of it is of use too.
        drop(pipe.map(|pipe| pipe.take(MOST).read_to_end(&mut bytes)));
        String::from_utf8_lossy(&bytes).into_owned()
    });
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                return reader.join().map(|text| (text, status)).map_err(|_| failed(&"its output is lost"));
            }
            Ok(None) if Instant::now() < deadline => sleep(PAUSE),
            Ok(None) => {
                drop(child.kill());
                return Err(failed(&"it did not end in time"));
            }
            Err(error) => return Err(failed(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gives_its_output_or_a_sentence_and_never_hangs() {
        let ample = Instant::now() + Duration::from_secs(60);
        assert_eq!(output(Command::new("echo").arg("well"), ample).unwrap(), "well\n");
        assert!(output(&mut Command::new("false"), ample).unwrap_err().contains("exit status: 1"));
        assert!(output(&mut Command::new("no-such-program"), ample).is_err());
        let soon = Instant::now() + Duration::from_millis(50);
        assert!(output(Command::new("sleep").arg("600"), soon).unwrap_err().contains("in time"));
    }
}
