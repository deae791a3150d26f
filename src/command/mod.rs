//! Commands from the cloud: taken at most once, answered always. One file an action.
//!
//! ```text
//! session ──Received──> dispatcher ──> a task each ──Answer──> uplink ──> the wire
//!                            │              │
//!                            └── journal ───┘   (written down before it acts, answered after it is written down)
//! ```

mod action;
mod answer;
mod diagnostics;
mod dispatcher;
mod identify;
mod journal;
mod ledger;
mod ping;
mod rate;
mod read_now;
mod reboot;
mod reset_error;
mod restart;
mod rotate_token;
mod set_config;
mod set_mode;
mod set_output;
mod tools;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use ems_protocol::{Command, CommandAck, CommandStatus, DeviceId, ReasonCode, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub use action::{Action, Allowed};
pub use answer::{Answer, refuse};
pub use dispatcher::Dispatcher;
pub use journal::Journal;
pub use tools::Tools;

use answer::{Refusal, plain};

/// The longest id, in bytes.
const MAX_ID: usize = 128;
/// Commands between the session and the dispatcher, which takes each at once: more are answered BUSY.
const COMMAND_CHANNEL: usize = 64;
/// Ids that are known to have been handed over, the last ones: those in the channel, and as many that are under way.
const KNOWN_IDS: usize = 2 * COMMAND_CHANNEL;
/// Answers between the commands and the uplink, which takes them while it is connected.
const ANSWER_CHANNEL: usize = 64;

/// A command as it came.
#[derive(Debug)]
pub struct Received {
    command: Command,
    /// When: its time to live runs from here.
    at: Instant,
}

/// The session's way to the dispatcher.
#[derive(Debug, Clone)]
pub struct Commands {
    dispatcher: mpsc::Sender<Received>,
    allowed: watch::Receiver<Allowed>,
    has_outputs: bool,
    handed_over: Rc<RefCell<VecDeque<String>>>,
}

/// Both ends of what lies between the session and the commands.
#[derive(Debug)]
pub struct Channels {
    /// For the session.
    pub commands: Commands,
    /// For the dispatcher.
    pub incoming: mpsc::Receiver<Received>,
    /// For the dispatcher.
    pub answers: mpsc::Sender<Answer>,
    /// For the uplink.
    pub outgoing: mpsc::Receiver<Answer>,
}

impl Channels {
    /// Makes the channels; `allowed` is what the configuration allows now, and `has_outputs` whether there are any.
    pub fn new(allowed: watch::Receiver<Allowed>, has_outputs: bool) -> Self {
        let (dispatcher, incoming) = mpsc::channel(COMMAND_CHANNEL);
        let (answers, outgoing) = mpsc::channel(ANSWER_CHANNEL);
        let commands = Commands { dispatcher, allowed, has_outputs, handed_over: Rc::default() };
        Self { commands, incoming, answers, outgoing }
    }
}

impl Commands {
    /// What `device.hello` names.
    pub fn offered(&self) -> Vec<String> {
        self.allowed.borrow().offered(self.has_outputs)
    }

    /// Hands a command over.
    ///
    /// # Errors
    /// The answer, when there is no room: it is as if the command had never come. One that has come before is not refused by
    /// its copy: it would be sent anew and done twice.
    pub fn offer(
        &self,
        command: Command,
        device_id: &DeviceId,
        now: Timestamp,
    ) -> Result<(), Box<CommandAck>> {
        let id: String = command.command_id.chars().take(MAX_ID).collect();
        let received = Received { command, at: Instant::now() };
        let mut known = self.handed_over.borrow_mut();
        if self.dispatcher.try_send(received).is_ok() {
            if known.len() == KNOWN_IDS {
                known.pop_front();
            }
            known.push_back(id);
            return Ok(());
        }
        Err(Box::new(if known.contains(&id) {
            plain(&id, device_id, now, CommandStatus::InProgress)
        } else {
            Refusal::rejected(ReasonCode::Busy, BUSY).ack(&id, device_id, now)
        }))
    }
}

const BUSY: &str =
    "too many commands at once: wait for their answers, and send this one again under a new id";
