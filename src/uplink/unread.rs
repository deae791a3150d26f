//! What is on its way to the server and kept until the server has read it: answers and events alike.

use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

use tokio::sync::mpsc;

/// Messages that were taken from their source and not confirmed yet.
pub(super) struct Unread<T> {
    incoming: mpsc::Receiver<T>,
    waiting: VecDeque<T>,
    /// The most that are taken before the first of them is confirmed; the others stay with their source.
    under_way: usize,
    /// How many of `waiting`, from the front, went out over this connection.
    sent: usize,
    /// How many were ever confirmed: names the marks.
    confirmed: u64,
    ended: bool,
}

impl<T> Unread<T> {
    pub(super) fn new(incoming: mpsc::Receiver<T>, under_way: usize) -> Self {
        Self { incoming, waiting: VecDeque::new(), under_way, sent: 0, confirmed: 0, ended: false }
    }

    /// A connection begins: nothing of what waits has been sent over it.
    pub(super) fn begin_session(&mut self) {
        self.sent = 0;
    }

    /// Ends when there is one more to send. Cancel-safe.
    pub(super) async fn filled(&mut self) {
        if self.ended || self.waiting.len() >= self.under_way {
            return std::future::pending().await;
        }
        match self.incoming.recv().await {
            Some(message) => self.waiting.push_back(message),
            None => self.ended = true,
        }
    }

    /// The next to send.
    pub(super) fn next(&mut self) -> Option<&T> {
        let message = self.waiting.get(self.sent)?;
        self.sent += 1;
        Some(message)
    }

    /// Forgets those that were not sent over this connection and are wanted no more.
    pub(super) fn drop_unsent(&mut self, is_wanted: impl Fn(&T) -> bool) {
        let mut place = 0;
        let sent = self.sent;
        self.waiting.retain(|message| {
            place += 1;
            place <= sent || is_wanted(message)
        });
    }

    /// Names all that were sent so far, for [`Self::read_up_to`].
    pub(super) fn mark(&self) -> u64 {
        self.confirmed + self.sent as u64
    }

    /// The server has read all up to this mark: they are given back.
    pub(super) fn read_up_to(&mut self, mark: u64) -> Drain<'_, T> {
        let read = usize::try_from(mark.saturating_sub(self.confirmed)).unwrap_or(usize::MAX).min(self.sent);
        self.sent -= read;
        self.confirmed += read as u64;
        self.waiting.drain(..read)
    }
}
