//! Answers to commands on their way to the server: each is kept until the server has read it.

use std::collections::VecDeque;

use ems_protocol::CommandAck;
use tokio::sync::mpsc;

use crate::command::Answer;

/// Answers that were taken from the commands and not confirmed yet.
pub(super) struct Answers {
    incoming: mpsc::Receiver<Answer>,
    waiting: VecDeque<Answer>,
    /// How many of `waiting`, from the front, went out over this connection.
    sent: usize,
    /// How many were ever confirmed: names the barriers.
    confirmed: u64,
    ended: bool,
}

/// Answers under way at once; the others wait with their commands, which are bounded.
const UNDER_WAY: usize = 64;

impl Answers {
    pub(super) fn new(incoming: mpsc::Receiver<Answer>) -> Self {
        Self { incoming, waiting: VecDeque::new(), sent: 0, confirmed: 0, ended: false }
    }

    /// A connection begins: nothing of what waits has been sent over it.
    pub(super) fn begin_session(&mut self) {
        self.sent = 0;
    }

    /// Ends when there is one more to send. Cancel-safe.
    pub(super) async fn filled(&mut self) {
        if self.ended || self.waiting.len() >= UNDER_WAY {
            return std::future::pending().await;
        }
        match self.incoming.recv().await {
            Some(answer) => self.waiting.push_back(answer),
            None => self.ended = true,
        }
    }

    /// The next to send.
    pub(super) fn next(&mut self) -> Option<&CommandAck> {
        let answer = self.waiting.get(self.sent)?;
        self.sent += 1;
        Some(&answer.ack)
    }

    /// Names all that were sent so far, for [`Self::read_up_to`].
    pub(super) fn mark(&self) -> u64 {
        self.confirmed + self.sent as u64
    }

    /// The server has read all up to this mark.
    pub(super) fn read_up_to(&mut self, mark: u64) {
        let read = usize::try_from(mark.saturating_sub(self.confirmed)).unwrap_or(usize::MAX).min(self.sent);
        for answer in self.waiting.drain(..read) {
            if let Some(delivered) = answer.delivered {
                // Gone: its command has waited long enough.
                let _ = delivered.send(());
            }
        }
        self.sent -= read;
        self.confirmed += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use ems_protocol::Timestamp;
    use tokio::sync::oneshot;

    use super::*;
    use crate::command::refuse;

    #[tokio::test]
    async fn an_answer_is_sent_again_in_the_next_connection_until_the_server_has_read_it() {
        let (sender, receiver) = mpsc::channel(4);
        let (told, mut delivered) = oneshot::channel();
        let mut answers = Answers::new(receiver);
        let ack = refuse("{\"command_id\":\"a\"}", &"ems_001".parse().unwrap(), Timestamp::from_millis(0));
        sender.send(Answer { ack, delivered: Some(told) }).await.unwrap();
        answers.filled().await;
        for _ in 0..2 {
            answers.begin_session();
            assert_eq!(answers.next().unwrap().command_id, "a");
            assert!(answers.next().is_none());
        }
        assert!(delivered.try_recv().is_err());
        let mark = answers.mark();
        answers.read_up_to(mark);
        assert!(delivered.try_recv().is_ok());
        answers.begin_session();
        assert!(answers.next().is_none());
    }
}
