//! The command journal: a thread with two ledgers, one on the card for actions with an effect, one in RAM for the rest.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::thread;

use ems_protocol::CommandAck;
use tokio::sync::{mpsc, oneshot};

use super::ledger::{Begun, Ledger};

/// The way to the journal. Clones lead to the same one.
#[derive(Debug, Clone)]
pub struct Journal {
    /// Owned by the clones. Bound 64: each command has one request at a time, and those are fewer.
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Begin { id: String, issued_at: Option<i64>, now: i64, on_card: bool, answer: oneshot::Sender<Outcome> },
    Finish { ack: Box<CommandAck>, on_card: bool, answer: oneshot::Sender<Result<(), String>> },
    Unanswered { answer: oneshot::Sender<Vec<Unanswered>> },
}

type Outcome = Result<Begun, String>;

/// A command that was taken by an earlier process and never answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its id.
    pub id: String,
    /// Whether its ledger is the card's.
    pub on_card: bool,
}

const BOUND: usize = 64;
const FILE: &str = "commands.db";

impl Journal {
    /// Starts the thread. The card's ledger is in `state`, the other in `runtime`, or without one in memory alone: each
    /// keeps its file locked, so that one folder cannot hold both.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(state: &Path, runtime: Option<&Path>) -> std::io::Result<Self> {
        let card = Ledger::at(state.join(FILE), true);
        let runtime = runtime.filter(|dir| *dir != state);
        let ram = Ledger::at(runtime.map_or_else(|| PathBuf::from(":memory:"), |dir| dir.join(FILE)), false);
        let (requests, incoming) = mpsc::channel(BOUND);
        thread::Builder::new().name("commands".to_owned()).spawn(move || serve(card, ram, incoming))?;
        Ok(Self { requests })
    }

    /// Writes a command down, unless it is known: durable when this returns, if it is for the card.
    ///
    /// # Errors
    /// It is not written, and must not be done: why.
    pub async fn begin(&self, id: &str, issued_at: Option<i64>, now: i64, on_card: bool) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        self.ask(Request::Begin { id: id.to_owned(), issued_at, now, on_card, answer }).await?;
        outcome.await.map_err(|_| STOPS.to_owned())?
    }

    /// Writes the final answer down.
    ///
    /// # Errors
    /// It is not written: why. The command then counts as interrupted at the next start.
    pub async fn finish(&self, ack: &CommandAck, on_card: bool) -> Result<(), String> {
        let (answer, outcome) = oneshot::channel();
        self.ask(Request::Finish { ack: Box::new(ack.clone()), on_card, answer }).await?;
        outcome.await.map_err(|_| STOPS.to_owned())?
    }

    /// What earlier processes have left without an answer.
    pub async fn unanswered(&self) -> Vec<Unanswered> {
        let (answer, outcome) = oneshot::channel();
        match self.ask(Request::Unanswered { answer }).await {
            Ok(()) => outcome.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    async fn ask(&self, request: Request) -> Result<(), String> {
        self.requests.send(request).await.map_err(|_| STOPS.to_owned())
    }
}

const STOPS: &str = "the command journal has ended";

/// What costs no card write goes first: a PING does not wait behind the writes of a slow card, but for one.
fn serve(mut card: Ledger, mut ram: Ledger, mut requests: mpsc::Receiver<Request>) {
    let (mut quick, mut slow) = (VecDeque::new(), VecDeque::new());
    // Whoever asked may have gone with the connection: what was written stays written.
    loop {
        if quick.is_empty() && slow.is_empty() {
            let Some(request) = requests.blocking_recv() else { return };
            if request.is_quick() { &mut quick } else { &mut slow }.push_back(request);
        }
        while quick.len() + slow.len() < BOUND
            && let Ok(request) = requests.try_recv()
        {
            if request.is_quick() { &mut quick } else { &mut slow }.push_back(request);
        }
        let Some(request) = quick.pop_front().or_else(|| slow.pop_front()) else { continue };
        match request {
            Request::Begin { id, issued_at, now, on_card, answer } => {
                let (own, other) = if on_card { (&mut card, &mut ram) } else { (&mut ram, &mut card) };
                let _ = answer.send(begin(own, other, &id, issued_at, now));
            }
            Request::Finish { ack, on_card, answer } => {
                let ledger = if on_card { &mut card } else { &mut ram };
                let _ = answer.send(ledger.finish(&ack).map_err(|error| words(&error)));
            }
            Request::Unanswered { answer } => {
                let left = |ledger: &mut Ledger, on_card| {
                    let ids = ledger.unanswered().unwrap_or_default();
                    ids.into_iter().map(move |id| Unanswered { id, on_card }).collect::<Vec<_>>()
                };
                let mut all = left(&mut card, true);
                all.extend(left(&mut ram, false));
                let _ = answer.send(all);
            }
        }
    }
}

impl Request {
    fn is_quick(&self) -> bool {
        match self {
            Self::Begin { on_card, .. } | Self::Finish { on_card, .. } => !on_card,
            // Asked for first, and answered before anything new is begun.
            Self::Unanswered { .. } => true,
        }
    }
}

/// An id names one command, whatever it asks for: the other ledger is looked at too.
fn begin(own: &mut Ledger, other: &mut Ledger, id: &str, issued_at: Option<i64>, now: i64) -> Outcome {
    match other.look(id, None) {
        Ok(Begun::Fresh) | Err(_) => own.begin(id, issued_at, now).map_err(|error| words(&error)),
        Ok(known) => Ok(known),
    }
}

fn words(error: &rusqlite::Error) -> String {
    format!(
        "the command journal cannot be written ({error}): free some space (df -h), check the card (dmesg)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_folder_for_both_ledgers_takes_commands_of_either_kind() {
        let dir = tempfile::TempDir::new().unwrap();
        let journal = Journal::start(dir.path(), Some(dir.path())).unwrap();
        for on_card in [true, false] {
            let id = format!("on card: {on_card}");
            assert_eq!(journal.begin(&id, None, 0, on_card).await, Ok(Begun::Fresh));
            assert_eq!(journal.begin(&id, None, 0, on_card).await, Ok(Begun::Running));
        }
    }
}
