//! The thread that owns the card: a write to an SD card can take seconds, and nothing else may wait for it.

use std::thread;

use ems_protocol::SeqRanges;
use tokio::sync::mpsc;

use super::card::{BootClock, Card, CardError, Chunk, Cursor, Dropped, Stats};
use super::notice::Notice;
use crate::sample::Sample;

/// What the thread is asked to do, in this order.
#[derive(Debug)]
pub(super) enum Request {
    /// Store these samples of one boot, whose clock is worth that much, with one durable write.
    Keep { boot_id: String, clock: BootClock, samples: Vec<Sample> },
    /// Give the oldest samples from `after` on. `epoch` comes back with the answer.
    Give { epoch: u64, after: Cursor, max: usize },
    /// These have been given and are confirmed.
    Forget { boot_id: String, numbers: SeqRanges },
    /// Write these events down.
    Record(Vec<String>),
    /// Remember a value under a name.
    Remember(&'static str, Vec<u8>),
    /// Write down what was confirmed lately, and end.
    Close,
}

/// What the thread answers.
#[derive(Debug)]
pub(super) enum Reply {
    /// To `Keep`.
    Kept { last: u64, outcome: Result<Dropped, CardError> },
    /// To `Give`: a chunk with what was known of its boot's clock; nothing at the end of the backlog.
    Given { epoch: u64, chunk: Option<(Chunk, Option<BootClock>)> },
    /// After each request that can change them; with what was known of the oldest sample's clock.
    Stats(Stats, Option<BootClock>),
    /// What happened to the card.
    Notices(Vec<Notice>),
    /// To `Close`.
    Closed,
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Keeper {
    /// Owned here. Bound 64: a `Keep`, a `Give` and an event at a time, the rest are `Forget`s, which may be lost.
    requests: mpsc::Sender<Request>,
    /// Owned by the thread. Bound 64; the thread waits when nobody takes them.
    replies: mpsc::Receiver<Reply>,
}

/// Writes events and named values down.
#[derive(Debug, Clone)]
pub struct Pen(mpsc::Sender<Request>);

impl Pen {
    /// Writes an event down; lost if the card is so slow that its queue is full.
    pub fn write(&self, text: String) {
        // The event is in the log too, and on its way to the cloud.
        let _ = self.0.try_send(Request::Record(vec![text]));
    }

    /// Remembers a value under a name; lost if the card is so slow that its queue is full.
    pub fn remember(&self, name: &'static str, value: Vec<u8>) {
        let _ = self.0.try_send(Request::Remember(name, value));
    }
}

const BOUND: usize = 64;

impl Keeper {
    /// Starts the thread on an open card.
    pub(super) fn start(card: Card) -> std::io::Result<Self> {
        let (requests, incoming) = mpsc::channel(BOUND);
        let (outgoing, replies) = mpsc::channel(BOUND);
        thread::Builder::new().name("card".to_owned()).spawn(move || serve(card, incoming, &outgoing))?;
        Ok(Self { requests, replies })
    }

    /// A way to write events down.
    pub(super) fn pen(&self) -> Pen {
        Pen(self.requests.clone())
    }

    /// Asks for something; false when the thread is too busy, and the request is not made.
    pub(super) fn ask(&self, request: Request) -> bool {
        self.requests.try_send(request).is_ok()
    }

    /// The next answer. Cancel-safe. Never ends when the thread has gone.
    pub(super) async fn reply(&mut self) -> Reply {
        match self.replies.recv().await {
            Some(reply) => reply,
            None => std::future::pending().await,
        }
    }
}

fn serve(mut card: Card, mut requests: mpsc::Receiver<Request>, replies: &mpsc::Sender<Reply>) {
    let answer = |reply| replies.blocking_send(reply).is_ok();
    if !answer(stats(&mut card)) {
        return;
    }
    while let Some(request) = requests.blocking_recv() {
        let told = match request {
            Request::Keep { boot_id, clock, samples } => {
                // Without its clock a sample of this boot would be labelled as if nothing were known of it.
                let outcome =
                    card.set_boot_clock(&boot_id, clock).and_then(|()| card.push(&boot_id, &samples));
                let last = samples.last().map_or(0, |s| s.seq);
                answer(Reply::Kept { last, outcome }) && answer(stats(&mut card))
            }
            Request::Give { epoch, after, max } => {
                let chunk = card.oldest(after, max).ok().flatten();
                let chunk = chunk.map(|chunk| {
                    let clock = card.boot_clock(&chunk.boot_id);
                    (chunk, clock)
                });
                answer(Reply::Given { epoch, chunk })
            }
            Request::Forget { boot_id, numbers } => {
                // What could not be forgotten is sent again later, and dropped by the cloud.
                let _ = card.remove(&boot_id, &numbers);
                answer(stats(&mut card))
            }
            Request::Record(texts) => {
                // The trouble of a card that cannot be written comes with the notices.
                let _ = card.record_events(&texts.iter().map(String::as_str).collect::<Vec<_>>());
                true
            }
            Request::Remember(name, value) => {
                let _ = card.set_meta(name, &value);
                true
            }
            Request::Close => {
                let _ = card.close();
                answer(Reply::Closed);
                return;
            }
        };
        let notices = card.take_notices();
        if !told || (!notices.is_empty() && !answer(Reply::Notices(notices))) {
            return;
        }
    }
}

fn stats(card: &mut Card) -> Reply {
    let stats = card.stats();
    let clock = stats.oldest.as_ref().and_then(|(boot_id, _)| card.boot_clock(boot_id));
    Reply::Stats(stats, clock)
}
