//! The daemon's last log lines, in memory: for a support archive where the journal is gone or out of reach.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// The last lines; clones are handles to the same ones. The lock is held for a copy of one line, or of all of them.
#[derive(Debug, Clone, Default)]
pub struct LogRing(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<String>,
    bytes: usize,
}

/// Older lines go beyond this many bytes.
const MOST: usize = 64 * 1024;
/// A longer line is cut.
const LONGEST: usize = 2048;

impl LogRing {
    /// The lines, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lines.iter().cloned().collect()
    }

    fn keep(&self, line: &str) {
        let line: String = line.chars().take(LONGEST).collect();
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.bytes += line.len();
        ring.lines.push_back(line);
        while ring.bytes > MOST {
            let Some(oldest) = ring.lines.pop_front() else { break };
            ring.bytes -= oldest.len();
        }
    }
}

/// Takes what one event writes.
#[derive(Debug)]
pub struct LineWriter {
    ring: LogRing,
    line: Vec<u8>,
}

impl io::Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        text.lines().for_each(|line| self.ring.keep(line));
    }
}

impl<'a> MakeWriter<'a> for LogRing {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { ring: self.clone(), line: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_memory_is_bounded() {
        let ring = LogRing::default();
        for number in 0..5000 {
            writeln!(ring.make_writer(), "line {number} {}", "x".repeat(50)).unwrap();
        }
        writeln!(ring.make_writer(), "{}", "y".repeat(1_000_000)).unwrap();
        let lines = ring.lines();
        assert!(lines.iter().map(String::len).sum::<usize>() <= MOST);
        assert_eq!(lines.last().unwrap().len(), LONGEST);
        assert!(lines[lines.len() - 2].starts_with("line 4999 "));
    }
}
