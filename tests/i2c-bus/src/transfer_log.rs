//! The record of what went over the bus, for tests to read.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use crate::wire::{Data, Message};

/// One line a transfer: its number, its messages, its result. Without a file nothing is written.
#[derive(Debug, Default)]
pub(crate) struct TransferLog {
    file: Option<File>,
    transfers: AtomicU64,
}

impl TransferLog {
    /// Begins an empty log at `path`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        file.set_len(0)?;
        Ok(Self { file: Some(file), ..Self::default() })
    }

    /// The number of a new transfer, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.transfers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that transfer `number` does not return.
    pub(crate) fn hangs(&self, number: u64, messages: &[Message]) -> io::Result<()> {
        self.line(number, messages, "hangs")
    }

    /// Notes the result of transfer `number`. The bytes that a failed transfer read are not shown.
    pub(crate) fn result(
        &self,
        number: u64,
        messages: &[Message],
        result: Result<(), Errno>,
    ) -> io::Result<()> {
        match result {
            Ok(()) => self.line(number, messages, "ok"),
            Err(errno) => self.line(number, messages, &format!("errno {}", errno.raw_os_error())),
        }
    }

    fn line(&self, number: u64, messages: &[Message], result: &str) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        let shown: Vec<String> = messages
            .iter()
            .map(|message| match &message.data {
                Data::Read(bytes) if result != "ok" => format!("r@{:#04x}:?{}", message.address, bytes.len()),
                _ => message.to_string(),
            })
            .collect();
        // One write a line, to a file opened for appending: lines of several threads do not mix.
        file.write_all(format!("{number} {} {result}\n", shown.join(" ")).as_bytes())
    }
}
