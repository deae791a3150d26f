//! The command line's end of the status socket.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::door::NAME;
use super::message::{Answer, Order, Request, VERSION};
use super::snapshot::Snapshot;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("nobody answers at {0}")]
    NotRunning(PathBuf),
    /// This user may not ask.
    #[error("{0} may not be opened by this user")]
    NoPermission(PathBuf),
    /// It listens and does not answer.
    #[error("ems-edge does not answer at {0} ({1})")]
    NoAnswer(PathBuf, String),
    /// It speaks another version.
    #[error("the running ems-edge is of another version than this command")]
    OtherVersion,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It will not, and says why.
    #[error("{0}")]
    Refused(String),
    /// There is no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// A daemon answers within milliseconds, one that is flooded or starts up within a second.
const LIMIT: Duration = Duration::from_secs(5);
/// Bounds the memory that an answer takes, in bytes: a thousand events are half of it.
const ANSWER_LIMIT: u64 = 2 * 1024 * 1024;
/// A daemon that is flooded turns clients away.
const ATTEMPTS: u32 = 3;

/// The socket of `device_id` below `runtime_dir`.
pub fn socket_in(runtime_dir: &Path, device_id: &str) -> PathBuf {
    runtime_dir.join(device_id).join(NAME)
}

/// Every status socket below `runtime_dir`, with the name of its device; those of killed daemons too.
pub fn sockets_below(runtime_dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(runtime_dir) else { return Vec::new() };
    let socket = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let path = entry.path().join(NAME);
        match path.symlink_metadata() {
            // Who may not look may still be told that there is something.
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return None,
            _ => {}
        }
        Some((entry.file_name().to_string_lossy().into_owned(), path))
    };
    let mut found: Vec<_> = entries.filter_map(socket).collect();
    found.sort();
    found
}

/// The state of every daemon that runs below `runtime_dir` and may be asked.
pub fn running_below(runtime_dir: &Path) -> Vec<Snapshot> {
    let answers =
        sockets_below(runtime_dir).into_iter().filter_map(|(_, path)| ask(&path, Request::Status).ok());
    answers.filter_map(|answer| answer.status.map(|snapshot| *snapshot)).collect()
}

/// Asks the daemon at `path`.
pub fn ask(path: &Path, request: Request) -> Result<Answer, AskError> {
    let answer = converse(path, &request)?;
    match answer.error {
        Some(words) => Err(AskError::NoAnswer(path.to_owned(), words)),
        None => Ok(answer),
    }
}

/// Has the daemon at `path` do something; says what came of it.
pub fn order(path: &Path, order: Order) -> Result<String, OrderError> {
    let answer = converse(path, &order)?;
    match (answer.done, answer.error) {
        (Some(words), None) => Ok(words),
        (_, Some(words)) => Err(OrderError::Refused(words)),
        (None, None) => Err(AskError::OtherVersion.into()),
    }
}

fn converse(path: &Path, request: &impl Serialize) -> Result<Answer, AskError> {
    let mut attempt = 1;
    let line = loop {
        match exchange(path, request) {
            Ok(line) if !line.is_empty() => break line,
            Ok(_) if attempt == ATTEMPTS => {
                return Err(AskError::NoAnswer(path.to_owned(), "it hung up".to_owned()));
            }
            Err(error) if attempt == ATTEMPTS || !is_hang_up(&error) => return Err(explain(path, &error)),
            Ok(_) | Err(_) => attempt += 1,
        }
    };
    let answer: Answer = serde_json::from_str(&line).map_err(|_| AskError::OtherVersion)?;
    if answer.v == VERSION { Ok(answer) } else { Err(AskError::OtherVersion) }
}

fn exchange(path: &Path, request: &impl Serialize) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let mut question = serde_json::to_string(request)?;
    question.push('\n');
    stream.write_all(question.as_bytes())?;
    let mut line = String::new();
    stream.take(ANSWER_LIMIT).read_to_string(&mut line)?;
    Ok(line)
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn explain(path: &Path, error: &io::Error) -> AskError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning(path),
        io::ErrorKind::PermissionDenied => AskError::NoPermission(path),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            AskError::NoAnswer(path, format!("nothing came for {} s", LIMIT.as_secs()))
        }
        _ => AskError::NoAnswer(path, error.to_string()),
    }
}
