//! Which pins a daemon drives, on the runtime directory: so that they are made safe after its end whatever has become of
//! the configuration.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::gpio::{Chip, GpioError, Line};
use super::plan::Plan;

const FILE: &str = "outputs";
/// How long a pin may take to follow: a shorted one never does.
const FOLLOW_LIMIT: Duration = Duration::from_millis(250);

/// Writes down the outputs that are about to be driven by the daemon whose folder in RAM this is.
pub(super) fn write(folder: &Path, plan: &Plan) -> io::Result<()> {
    let words: Vec<String> = plan
        .outputs()
        .map(|output| {
            let level = if output.is_low_active { "low" } else { "high" };
            format!("{}:{}:{level}", output.name, output.gpio)
        })
        .collect();
    let (new, path) = (folder.join("outputs.new"), folder.join(FILE));
    fs::write(&new, words.join(","))?;
    // Renamed: a crash leaves the old list or the new one.
    fs::rename(new, path)
}

/// The outputs that the daemon whose folder in RAM this is has driven in this boot.
pub(super) fn of(folder: &Path) -> Vec<Plan> {
    let text = fs::read_to_string(folder.join(FILE)).ok();
    text.and_then(|text| Plan::parse(&text).ok()).into_iter().collect()
}

/// Makes safe what the daemon before has driven, and forgets it then.
///
/// # Errors
/// The first output that could not be switched off, after all others were. It stays on the list.
pub(super) fn settle(folder: &Path) -> Result<(), GpioError> {
    match make_safe(&of(folder)) {
        // Without GPIO, nothing can have driven them.
        Ok(_) | Err(GpioError::Absent) => {}
        Err(error) => return Err(error),
    }
    match fs::remove_file(folder.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(GpioError::Other(format!("{} cannot be removed: {error}", folder.join(FILE).display())))
        }
        _ => Ok(()),
    }
}

/// The same of all daemons with folders in `runtime_dir`.
pub fn recorded(runtime_dir: &Path) -> Vec<Plan> {
    let folders = fs::read_dir(runtime_dir).into_iter().flatten().flatten();
    folders.flat_map(|folder| of(&folder.path())).collect()
}

/// Switches all outputs of these plans off; how many. None of them may be a running daemon's.
///
/// # Errors
/// The first that could not be, after all others were.
pub fn make_safe(plans: &[Plan]) -> Result<usize, GpioError> {
    let outputs = || plans.iter().flat_map(Plan::outputs);
    if outputs().next().is_none() {
        return Ok(0);
    }
    let chip = Chip::open()?;
    let mut done = std::collections::BTreeSet::new();
    let mut failed = None;
    for output in outputs().filter(|output| done.insert(output.gpio)) {
        let level = output.level(false);
        match chip.output(output.gpio, level) {
            Ok(line) if follows(&line, level) => {}
            Ok(_) => failed = Some(GpioError::Other(stays(output.gpio))),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(done.len()), Err)
}

/// Waits until the pin has the level; false if it does not get there.
pub(super) fn follows(line: &Line, is_high: bool) -> bool {
    let end = Instant::now() + FOLLOW_LIMIT;
    while line.is_high() != is_high {
        if Instant::now() >= end {
            return false;
        }
        sleep(Duration::from_micros(200));
    }
    true
}

/// What is said of a pin that does not follow.
pub(super) fn stays(gpio: u8) -> String {
    format!("GPIO {gpio} does not follow: it is shorted, or something else drives it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_been_made_safe_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        settle(folder.path()).unwrap();
        fs::write(folder.path().join(FILE), "").unwrap();
        settle(folder.path()).unwrap();
        assert!(of(folder.path()).is_empty() && !folder.path().join(FILE).exists());
    }
}
