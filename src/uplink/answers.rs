//! Answers to commands on their way to the server: each is kept until the server has read it.

use ems_protocol::CommandAck;
use tokio::sync::mpsc;

use super::unread::Unread;
use crate::command::Answer;

/// Answers that were taken from the commands and not confirmed yet.
pub(super) struct Answers(Unread<Answer>);

/// Answers under way at once; the others wait with their commands, which are bounded.
const UNDER_WAY: usize = 64;

impl Answers {
    pub(super) fn new(incoming: mpsc::Receiver<Answer>) -> Self {
        Self(Unread::new(incoming, UNDER_WAY))
    }

    /// A connection begins: nothing of what waits has been sent over it.
    pub(super) fn begin_session(&mut self) {
        self.0.begin_session();
    }

    /// Ends when there is one more to send. Cancel-safe.
    pub(super) async fn filled(&mut self) {
        self.0.filled().await;
    }

    /// The next to send. One for whose delivery its command waits no more is not true any more: another follows it.
    pub(super) fn next(&mut self) -> Option<&CommandAck> {
        self.0.drop_unsent(|answer| answer.delivered.as_ref().is_none_or(|told| !told.is_closed()));
        self.0.next().map(|answer| &answer.ack)
    }

    /// Names all that were sent so far, for [`Self::read_up_to`].
    pub(super) fn mark(&self) -> u64 {
        self.0.mark()
    }

    /// The server has read all up to this mark.
    pub(super) fn read_up_to(&mut self, mark: u64) {
        for delivered in self.0.read_up_to(mark).filter_map(|answer| answer.delivered) {
            // Gone: its command has waited long enough.
            let _ = delivered.send(());
        }
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

    #[tokio::test]
    async fn an_answer_whose_command_has_given_up_waiting_is_not_sent() {
        let (sender, receiver) = mpsc::channel(4);
        let mut answers = Answers::new(receiver);
        for (id, waits) in [("a", false), ("b", true)] {
            let text = format!("{{\"command_id\":\"{id}\"}}");
            let ack = refuse(&text, &"ems_001".parse().unwrap(), Timestamp::from_millis(0));
            let (told, delivered) = oneshot::channel();
            sender.send(Answer { ack, delivered: Some(told) }).await.unwrap();
            answers.filled().await;
            if waits {
                std::mem::forget(delivered);
            }
        }
        assert_eq!(answers.next().unwrap().command_id, "b");
        assert!(answers.next().is_none());
    }
}
