//! What is said over the status socket: one line of JSON each way, then the end.

use serde::{Deserialize, Serialize};

use super::snapshot::Snapshot;
use crate::events::Event;

/// Version of the answers. New fields do not change it.
pub const VERSION: u32 = 1;

/// What is asked: `{"get":"status"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "get", rename_all = "snake_case")]
pub enum Request {
    /// The state of the daemon.
    Status,
    /// The last lines of the log.
    Log,
    /// The last events.
    Events {
        /// How many at most.
        #[serde(default = "some")]
        limit: usize,
    },
}

/// What is ordered, by root or the daemon's own user: `{"do":"reload"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// Read the configuration anew.
    Reload,
}

/// Events for who does not say how many.
fn some() -> usize {
    50
}

/// What is answered: the version and one of the others.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// [`VERSION`].
    pub v: u32,
    /// To [`Request::Status`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Box<Snapshot>>,
    /// To [`Request::Events`]: oldest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<Event>>,
    /// To [`Request::Log`]: oldest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<String>>,
    /// To an [`Order`] that was carried out: what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// To anything else: what is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Answer {
    /// The state.
    pub fn status(snapshot: Snapshot) -> Self {
        Self { v: VERSION, status: Some(Box::new(snapshot)), ..Self::default() }
    }

    /// Events.
    pub fn events(events: Vec<Event>) -> Self {
        Self { v: VERSION, events: Some(events), ..Self::default() }
    }

    /// Lines of the log.
    pub fn log(lines: Vec<String>) -> Self {
        Self { v: VERSION, log: Some(lines), ..Self::default() }
    }

    /// An order was carried out.
    pub fn done(words: impl Into<String>) -> Self {
        Self { v: VERSION, done: Some(words.into()), ..Self::default() }
    }

    /// A refusal.
    pub fn error(words: impl Into<String>) -> Self {
        Self { v: VERSION, error: Some(words.into()), ..Self::default() }
    }

    /// One line.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}
