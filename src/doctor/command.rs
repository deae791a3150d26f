//! Other programs that are asked, with a bound on their time.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// What a program may print, in bytes.
const MOST: u64 = 1024 * 1024;

/// What `command` prints until it ends well; an error is a sentence about why there is nothing.
///
/// One that does not end by `deadline` is killed, and not waited for: a process that the kernel holds in a bus
/// transfer ends only with it.
pub(super) fn output(command: &mut Command, deadline: Instant) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |why: &dyn std::fmt::Display| format!("{name}: {why}");
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = spawned.map_err(|error| failed(&error))?;
    let pipe = child.stdout.take();
    let reader = spawn(move || {
        let mut text = String::new();
        // What is not text is of no use either.
        drop(pipe.map(|pipe| pipe.take(MOST).read_to_string(&mut text)));
        text
    });
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(Some(status)) => return Err(failed(&status)),
            Ok(None) if Instant::now() < deadline => sleep(PAUSE),
            Ok(None) => {
                drop(child.kill());
                return Err(failed(&"it did not end in time"));
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    reader.join().map_err(|_| failed(&"its output could not be read"))
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
