//! Who is told of a commit, and where: on the runtime, where those live who wait for it.
//!
//! Waking a task from another thread takes a lock and a system call each. After a commit hundreds are woken, so the writer
//! hands all of them over at once, and one task of the runtime does the rest.

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use super::{StoreError, Stored};

/// Commits whose answers have not been given yet. One more and the writer waits: the runtime is behind.
const COMMITS: usize = 4;

/// Room in the queue, given back when the request is done with.
pub(super) type Room = Option<OwnedSemaphorePermit>;
/// Takes what became of samples.
pub(super) type Done = Box<dyn FnOnce(Result<Stored, StoreError>) + Send>;
/// Takes whether work is durable.
pub(super) type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// One who is told of the commit.
pub(super) enum Answer {
    Samples { done: Done, stored: Stored, room: Room },
    Work(Finish),
}

impl Answer {
    fn give(self, committed: &Result<(), StoreError>) {
        match self {
            Self::Samples { done, stored, room } => {
                done(committed.clone().map(|()| stored));
                drop(room);
            }
            Self::Work(finish) => finish(committed.clone()),
        }
    }
}

/// All who are told of one commit.
struct Answers {
    committed: Result<(), StoreError>,
    all: Vec<Answer>,
}

impl Answers {
    fn give(self) {
        for answer in self.all {
            answer.give(&self.committed);
        }
    }
}

/// The writer's end.
pub(super) struct Teller(Option<mpsc::Sender<Answers>>);

impl Teller {
    /// Tells on the runtime that calls this; where there is none, on the writer's thread. The task ends with the teller.
    pub(super) fn start() -> (Self, Option<JoinHandle<()>>) {
        let Ok(runtime) = Handle::try_current() else { return (Self(None), None) };
        // Owned by the writer, bounded by COMMITS.
        let (sender, mut answers) = mpsc::channel::<Answers>(COMMITS);
        let task = runtime.spawn(async move {
            while let Some(answers) = answers.recv().await {
                answers.give();
            }
        });
        (Self(Some(sender)), Some(task))
    }

    /// Tells all of them what became of the commit.
    pub(super) fn tell(&self, committed: Result<(), StoreError>, all: Vec<Answer>) {
        let answers = Answers { committed, all };
        let Some(runtime) = &self.0 else { return answers.give() };
        // The runtime ends before the writer: nobody is left there, but what was asked for is done with.
        if let Err(mpsc::error::SendError(answers)) = runtime.blocking_send(answers) {
            answers.give();
        }
    }
}
