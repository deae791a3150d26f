//! The thread that owns the card: a write to an SD card can take seconds, and nothing else may wait for it.

use std::collections::VecDeque;
use std::thread;

use ems_protocol::SeqRanges;
use tokio::sync::mpsc;

use super::card::{BootClock, Card, CardError, Chunk, Cursor, Dropped, Limits, Stats};
use super::notice::Notice;
use crate::health::Work;
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
    /// Hold no more than this from now on.
    Limit(Limits),
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
    /// Owned here. Bound 64: a `Keep`, a `Give` and some events at a time, the rest are `Forget`s, which may be lost.
    requests: mpsc::Sender<Request>,
    /// Owned by the thread. Bound 64; the thread waits when nobody takes them.
    replies: mpsc::Receiver<Reply>,
    /// Shows the watchdog whether what is asked gets done.
    work: Work,
}

/// Writes events, in their order, and named values down.
#[derive(Debug, Clone)]
pub struct Pen {
    requests: mpsc::Sender<Request>,
    /// Events that the thread, busy with a slow card, has no room for yet; at the bound the oldest go, which the log
    /// still has.
    waiting: VecDeque<String>,
    /// Shows the watchdog whether what is asked gets done.
    work: Work,
}

/// Events that may wait for the card.
const WAITING: usize = 128;

impl Pen {
    /// Takes an event that is to be written down with the next [`Self::flush`].
    pub fn take(&mut self, text: String) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(text);
    }

    /// Whether events wait for [`Self::flush`].
    pub fn is_wet(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Has what waits written down with one durable write, as soon as the thread has room for it. Cancel-safe.
    pub async fn flush(&mut self) {
        match self.requests.reserve().await {
            Ok(permit) => {
                self.work.ask();
                permit.send(Request::Record(self.waiting.drain(..).collect()));
            }
            // The card is closed: the daemon stops.
            Err(_) => self.waiting.clear(),
        }
    }

    /// Remembers a value under a name; lost if the card is so slow that its queue is full.
    pub fn remember(&self, name: &'static str, value: Vec<u8>) {
        ask(&self.requests, &self.work, Request::Remember(name, value));
    }
}

const BOUND: usize = 64;

impl Keeper {
    /// Starts the thread on an open card; `work` shows whether it is busy.
    pub(super) fn start(card: Card, work: Work) -> std::io::Result<Self> {
        let (requests, incoming) = mpsc::channel(BOUND);
        let (outgoing, replies) = mpsc::channel(BOUND);
        let done = work.clone();
        thread::Builder::new()
            .name("card".to_owned())
            .spawn(move || serve(card, incoming, &outgoing, &done))?;
        Ok(Self { requests, replies, work })
    }

    /// A way to write events down.
    pub(super) fn pen(&self) -> Pen {
        Pen { requests: self.requests.clone(), work: self.work.clone(), waiting: VecDeque::new() }
    }

    /// Asks for something; false when the thread is too busy, and the request is not made.
    pub(super) fn ask(&self, request: Request) -> bool {
        ask(&self.requests, &self.work, request)
    }

    /// The next answer. Cancel-safe. Never ends when the thread has gone.
    pub(super) async fn reply(&mut self) -> Reply {
        match self.replies.recv().await {
            Some(reply) => reply,
            None => std::future::pending().await,
        }
    }
}

/// Whether there was room for the request.
fn ask(requests: &mpsc::Sender<Request>, work: &Work, request: Request) -> bool {
    work.ask();
    let asked = requests.try_send(request).is_ok();
    if !asked {
        work.withdraw();
    }
    asked
}

fn serve(mut card: Card, mut requests: mpsc::Receiver<Request>, replies: &mpsc::Sender<Reply>, work: &Work) {
    let answer = |reply| replies.blocking_send(reply).is_ok();
    if !answer(stats(&mut card)) {
        return;
    }
    while let Some(request) = requests.blocking_recv() {
        if matches!(request, Request::Close) {
            let _ = card.close();
            work.done();
            answer(Reply::Closed);
            return;
        }
        let answers = carry_out(&mut card, request);
        work.done();
        if !answers.into_iter().all(answer) {
            return;
        }
    }
}

/// Does what was asked; gives the answers.
fn carry_out(card: &mut Card, request: Request) -> Vec<Reply> {
    let mut answers = match request {
        Request::Keep { boot_id, clock, samples } => {
            // Without its clock a sample of this boot would be labelled as if nothing were known of it.
            let outcome = card.set_boot_clock(&boot_id, clock).and_then(|()| card.push(&boot_id, &samples));
            let last = samples.last().map_or(0, |s| s.seq);
            vec![Reply::Kept { last, outcome }, stats(card)]
        }
        Request::Give { epoch, after, max } => {
            let chunk = card.oldest(after, max).ok().flatten();
            let chunk = chunk.map(|chunk| {
                let clock = card.boot_clock(&chunk.boot_id);
                (chunk, clock)
            });
            vec![Reply::Given { epoch, chunk }]
        }
        Request::Forget { boot_id, numbers } => {
            // What could not be forgotten is sent again later, and dropped by the cloud.
            let _ = card.remove(&boot_id, &numbers);
            vec![stats(card)]
        }
        Request::Record(texts) => {
            // The trouble of a card that cannot be written comes with the notices.
            let _ = card.record_events(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            Vec::new()
        }
        Request::Remember(name, value) => {
            let _ = card.set_meta(name, &value);
            Vec::new()
        }
        Request::Limit(limits) => {
            card.set_limits(limits);
            Vec::new()
        }
        // The end of the thread: the card goes with it.
        Request::Close => Vec::new(),
    };
    let notices = card.take_notices();
    if !notices.is_empty() {
        answers.push(Reply::Notices(notices));
    }
    answers
}

fn stats(card: &mut Card) -> Reply {
    let stats = card.stats();
    let clock = stats.oldest.as_ref().and_then(|(boot_id, _)| card.boot_clock(boot_id));
    Reply::Stats(stats, clock)
}
